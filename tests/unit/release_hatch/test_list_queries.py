"""Lists of requests cost as many statements for fifty requests as for five."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

from sallyport_common.tokens import new_ulid
from sallyport_release_hatch.models import (
    Identity,
    ReleaseRequest,
    RequestFile,
    RequestState,
    Vote,
)
from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.storage.database import Transaction

MOMENT = "2026-11-23T06:15:04Z"
NOBODY = Identity("ada", "Ada", {}, frozenset(), output_checker=False, readonly_access=False)
CHECKER = Identity("cy", "Cy", {}, frozenset(), output_checker=True, readonly_access=False)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that run meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def a_file(request: str, name: str) -> RequestFile:
    """Return a frozen file of a request."""
    return RequestFile(
        id=new_ulid(), request=request, name=name, sha256="0" * 64, size=1, date=MOMENT,
        job_id="j", commit="c",
    )  # fmt: skip


def add(transaction: Transaction, state: RequestState) -> str:
    """Add a request of ada's with two files, votes, reviews, and a shown and a hidden comment."""
    identifier = new_ulid()
    files = tuple(a_file(identifier, name) for name in ("b.csv", "a.csv"))
    request = ReleaseRequest(
        id=identifier, workspace="w1", author="ada", state=state, turn=2, purpose="p",
        context="c", controls="k", created_at=MOMENT, decided_by=None, decided_at=None,
        problem=None, files=files,
    )  # fmt: skip
    table = transaction.requests
    table.add(request)
    for reviewer in ("di", "cy"):
        for file in files:
            table.set_vote(file.id, reviewer, Vote.APPROVED)
        table.add_review(identifier, 2, reviewer)
    table.add_review(identifier, 1, "flo")
    table.add_comment(identifier, 1, "flo", "hidden")
    table.hide_comments(identifier, 1)
    table.add_comment(identifier, 2, "cy", f"shown on {identifier}")
    return identifier


def lists(hatch: Hatch) -> dict[str, Callable[[], object]]:
    """Return the lists that pages, clients and the background work read."""
    return {
        "own": lambda: hatch.viewing.requests_of(NOBODY),
        "queue": lambda: hatch.viewing.queue(CHECKER),
        "active": lambda: hatch.requesting.same_as(NOBODY, "w1", {}),
    }


def test_a_list_costs_as_many_statements_for_fifty_requests_as_for_five(hatch: Hatch) -> None:
    costs = []
    for count in (5, 45):
        with hatch.database.write() as transaction:
            for _row in range(count):
                add(transaction, RequestState.REVIEWED)
        cost = {}
        for name, show in lists(hatch).items():
            with counted() as statements:
                show()
            cost[name] = len(statements)
        costs.append(cost)
    assert costs[0] == costs[1] == dict.fromkeys(lists(hatch), 5)
    assert len(hatch.viewing.queue(CHECKER)) == len(hatch.viewing.requests_of(NOBODY)) == 50


def test_each_request_of_a_list_has_its_own_parts_in_order(hatch: Hatch) -> None:
    with hatch.database.write() as transaction:
        first, second = (add(transaction, RequestState.REVIEWED) for _ in range(2))
        add(transaction, RequestState.WITHDRAWN)
    with hatch.database.read() as transaction:
        listed = transaction.requests.in_states({RequestState.REVIEWED})
        assert [request.id for request in listed] == sorted((first, second), reverse=True)
        assert listed == [transaction.requests.get(request.id) for request in listed]
    for request in listed:
        assert [file.name for file in request.files] == ["a.csv", "b.csv"]
        assert request.submitted == ("di", "cy")
        assert set(request.votes) == {
            (file.id, name) for file in request.files for name in ("cy", "di")
        }
        assert [comment.text for comment in request.comments] == [f"shown on {request.id}"]
    assert hatch.viewing.queue(NOBODY) == []
