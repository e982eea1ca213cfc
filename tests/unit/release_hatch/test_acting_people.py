"""Every method of a service that changes something takes who acts, and refuses who may not."""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections.abc import Callable, Iterator

import pytest
from tests.unit.release_hatch.doubles import Browser, JobServerDouble

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_release_hatch.models import Identity, Vote
from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.services.requesting import Description

SERVICES = ("access", "viewing", "requesting", "reviewing", "handover")
EXEMPT = {
    "access.log_in": "who logs in is not known yet; the job server checks the token",
    "access.log_out": "the bearer of a session ends it",
    "access.identity": "finds out who acts, and ends sessions that are over",
    "handover.hand_over_all": "background work on what checkers approved",
    "handover.file_uploaded": "the publisher, whose account the outbox's socket proves",
    "handover.released": "the publisher, whose account the outbox's socket proves",
    "handover.failed": "the publisher, whose account the outbox's socket proves",
}
"""Methods that change something and check no permission of a person, with the reason."""

TEXT = Description("paper", "adults", "rounded")
Call = Callable[[Hatch, Identity, str], object]
CALLS: dict[str, tuple[str, str, Call]] = {
    "requesting.create": ("bob", "new", lambda hatch, who, _id: hatch.requesting.create(
        who, "w1", ["output/table.csv"], TEXT)),
    "requesting.describe": ("ada", "draft", lambda hatch, who, identifier:
        hatch.requesting.describe(who, identifier, TEXT)),
    "requesting.submit": ("ada", "draft", lambda hatch, who, identifier:
        hatch.requesting.submit(who, identifier)),
    "requesting.withdraw": ("ada", "draft", lambda hatch, who, identifier:
        hatch.requesting.withdraw(who, identifier)),
    "reviewing.vote": ("cy", "submit", lambda hatch, who, identifier:
        hatch.reviewing.vote(
            who, identifier, dict.fromkeys(_files(hatch, identifier), Vote.APPROVED))),
    "reviewing.send_back": ("cy", "submit", lambda hatch, who, identifier:
        hatch.reviewing.send_back(who, identifier, "round more")),
    "reviewing.reject": ("cy", "reviewed", lambda hatch, who, identifier:
        hatch.reviewing.reject(who, identifier, "not a result")),
    "reviewing.approve": ("di", "reviewed", lambda hatch, who, identifier:
        hatch.reviewing.approve(who, identifier)),
    "viewing.file": ("ada", "submit", lambda hatch, who, _id:
        hatch.viewing.file(who, "w1", "output/table.csv")),
    "viewing.log": ("ada", "submit", lambda hatch, who, _id:
        hatch.viewing.log(who, "w1", "summarise")),
    "viewing.frozen": ("ada", "submit", lambda hatch, who, identifier:
        hatch.viewing.frozen(who, identifier, _files(hatch, identifier)[0])),
}  # fmt: skip
"""Who may make each call, the state that the request is in, and the call."""


def _files(hatch: Hatch, identifier: str) -> list[str]:
    with hatch.database.read() as transaction:
        return [file.id for file in transaction.requests.get(identifier).files]


def _changes(service: object, name: str) -> bool:
    """Return whether a method opens a transaction that is kept, itself or through helpers."""
    pending, seen = [name], set[str]()
    while pending:
        name = pending.pop()
        function = getattr(type(service), name, None)
        if name in seen or not inspect.isfunction(function):
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Attribute):
                if node.attr == "write" and ast.unparse(node.value) == "self._database":
                    return True
                if isinstance(node.value, ast.Name) and node.value.id == "self":
                    pending.append(node.attr)
    return False


def _changing(hatch: Hatch) -> Iterator[tuple[str, Callable[..., object]]]:
    for field in SERVICES:
        service = getattr(hatch, field)
        for name, method in inspect.getmembers(service, inspect.ismethod):
            if not name.startswith("_") and _changes(service, name):
                yield f"{field}.{name}", method


def test_every_changing_method_takes_who_acts_or_has_its_reason(hatch: Hatch) -> None:
    methods = dict(_changing(hatch))
    assert set(methods) == {*EXEMPT, *CALLS}
    for name in set(methods) - set(EXEMPT):
        assert Identity in typing.get_type_hints(methods[name]).values(), name


@pytest.mark.parametrize("stranger", ["eve", "guest"])
@pytest.mark.parametrize("name", CALLS)
def test_a_changing_method_refuses_who_may_not_and_serves_who_may(
    hatch: Hatch,
    job_server: JobServerDouble,
    browser: Callable[[str], Browser],
    name: str,
    stranger: str,
) -> None:
    allowed, state, call = CALLS[name]
    identifier = browser("ada").ask(
        "output/table.csv", action="save" if state == "draft" else "submit"
    )
    if state == "reviewed":
        for checker in ("cy", "di"):
            browser(checker).vote(identifier)
    nobody = Identity.from_wire(job_server.people["eve"] | {"username": stranger, "workspaces": {}})
    with pytest.raises((ForbiddenError, NotFoundError)):
        call(hatch, nobody, identifier)
    with hatch.database.read() as transaction:
        assert [row for row in transaction.audit_rows(identifier) if row["actor"] == stranger] == []
    call(hatch, Identity.from_wire(job_server.people[allowed]), identifier)


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("reviewing.")])
def test_an_author_who_is_a_checker_does_not_review_their_own_request(
    hatch: Hatch, job_server: JobServerDouble, browser: Callable[[str], Browser], name: str
) -> None:
    _allowed, state, call = CALLS[name]
    identifier = browser("flo").ask("output/table.csv")
    if state == "reviewed":
        for checker in ("cy", "di"):
            browser(checker).vote(identifier)
    with pytest.raises(ForbiddenError):
        call(hatch, Identity.from_wire(job_server.people["flo"]), identifier)
    call(hatch, Identity.from_wire(job_server.people["cy"]), identifier)


def test_a_reader_of_everything_changes_nothing(
    hatch: Hatch, job_server: JobServerDouble, browser: Callable[[str], Browser]
) -> None:
    reader = Identity.from_wire(
        job_server.people["eve"] | {"username": "reader", "readonly_access": True}
    )
    identifier = browser("ada").ask("output/table.csv")
    assert hatch.viewing.request(reader, identifier).id == identifier
    for name, (_allowed, _state, call) in CALLS.items():
        if not name.startswith("viewing."):
            with pytest.raises(ForbiddenError):
                call(hatch, reader, identifier)
