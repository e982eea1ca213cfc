"""Every method of a service that changes something asks who acts, and refuses who may not."""

from __future__ import annotations

import ast
import hashlib
import inspect
import secrets
import textwrap
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.unit.job_server.rig import Rig

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_common.tokens import new_ulid
from sallyport_job_server.models import Operator, User
from sallyport_job_server.schemas import Moment
from sallyport_job_server.schemas import releases as schemas
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.bundle import Services
from sallyport_job_server.storage import audit, tables
from sallyport_job_server.storage.audit import AuditFilters
from sallyport_job_server.storage.database import add

EXEMPT = {
    "accounts.log_in": "who logs in is not known yet; the password decides",
    "access_tokens.create": "everybody has tokens of their own account",
    "access_tokens.owner": "notes that a person's own token was used",
    "access_tokens.revoke": "a person's own tokens only; others look like missing ones",
    "accounts.change_password": "a person's own account; the present password decides",
    "second_factor.accepts": "a person's own account; the password before it decides",
    "second_factor.turn_on": "a person's own account; the code decides",
    "second_factor.turn_off": "a person's own account; the code decides",
    "second_factor.renew_codes": "a person's own account; the code decides",
    "password_links.use": "whoever has the secret of the link",
    "password_links.forgotten": "anybody; a link goes to the person's own mail address",
    "device_logins.begin": "anybody; it lets nobody in before a person allows it",
    "device_logins.decide": "a person's own account",
    "device_logins.fetch": "whoever has the secret of a log-in that a person allowed",
    "identities.find": "whom a provider has logged in",
    "identities.note": "whom a provider has logged in",
    "identities.link": "a person's own account, after a log-in at the provider",
    "identities.end": "a person's own account",
    "second_factor.judge": "a person's own account; the code decides",
    "password_links.mailed": "the courier, for a link that somebody was allowed to ask for",
    "accounts.choose_topics": "a person's own account",
    "courier.look": "the clock",
    "courier.start": "the clock",
    "site_snapshots.take": "an operator on the host",
    "site_snapshots.put_back": "an operator on the host",
    "tidying.run": "the clock, or an operator on the host",
    "chores.look": "the clock",
    "chores.start": "the clock",
    "sessions.start": "a person's own account; the log-in before it decides",
    "sessions.user": "notes that a person's own session was used",
    "sessions.log_out": "whoever has the secret of the session",
    "sessions.end": "a person's own sessions only; others look like missing ones",
    "login_tokens.redeem": "a backend, whose token's scope the caller checked",
    "backends.seen": "a backend, about itself",
    "job_queue.receive": "a backend, about its own requests; rows of others are not kept",
    "releases.note_reading": "who was allowed to read a file before",
    "audit.hatch_event": "a backend, whose token's scope the caller checked",
}
"""Methods that change something and check no permission of a person, with the reason."""


def _changes(method: Callable[..., object]) -> bool:
    """Return whether a method opens a transaction, itself or through helpers of its class."""
    pending, seen = [method.__name__], set[str]()
    kind = type(getattr(method, "__self__", None))
    while pending:
        name = pending.pop()
        function = getattr(kind, name, None)
        if name in seen or not inspect.isfunction(function):
            continue
        seen.add(name)
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                if node.attr == "change" and ast.unparse(node.value) == "self._database":
                    return True
                if isinstance(node.value, ast.Name) and node.value.id == "self":
                    pending.append(node.attr)
    return False


SERVICES = (
    "accounts", "sessions", "access_tokens", "login_tokens", "hatch_tokens", "backends",
    "directory", "job_requests", "job_queue", "releases", "snapshots", "audit", "second_factor",
    "password_links", "tidying", "chores", "history",
    "messages", "courier", "identities", "device_logins", "site_snapshots",
)  # fmt: skip


def _changing(services: Services) -> Iterator[tuple[str, Callable[..., object]]]:
    for field in SERVICES:
        service = getattr(services, field)
        for name, method in inspect.getmembers(service, inspect.ismethod):
            if not name.startswith("_") and _changes(method):
                yield f"{field}.{name}", method


PASSWORD = "another long password"
DATA = b"n\n10\n"
FILE = schemas.ListedFile(
    schemas.FileName("a.csv"),
    "a.csv",
    len(DATA),
    hashlib.sha256(DATA).hexdigest(),
    Moment("2026-11-23T06:15:04Z"),
    {},
    {"status": "APPROVED"},
)
CALLS: dict[str, tuple[str, Callable[[Rig, Any], object]]] = {
    "accounts.create": ("ada", lambda rig, who: rig.services.accounts.create(
        who, username="new", fullname="New", email="", password=PASSWORD)),
    "accounts.ensure_administrators": ("ada", lambda rig, who:
        rig.services.accounts.ensure_administrators(
            who, [{"username": "root", "fullname": "Root", "password": PASSWORD}])),
    "accounts.update": ("ada", lambda rig, who: rig.services.accounts.update(
        who, "cora", roles=[], backend_slugs=[], is_active=True)),
    "accounts.add_to_backend": ("ada", lambda rig, who:
        rig.services.accounts.add_to_backend(who, "hospital", "cora")),
    "accounts.reset_password": ("ada", lambda rig, who:
        rig.services.accounts.reset_password(who, "cora", PASSWORD)),
    "identities.end_of_account": ("ada", lambda rig, who: rig.services.identities.end_of_account(
        who, "rita", _identity(rig))),
    "sessions.end_of_account": ("ada", lambda rig, who:
        rig.services.sessions.end_of_account(who, "cora", _session(rig))),
    "access_tokens.revoke_of_account": ("ada", lambda rig, who:
        rig.services.access_tokens.revoke_of_account(who, "cora", _token(rig))),
    "backends.ensure": ("ada", lambda rig, who:
        rig.services.backends.ensure(who, "clinic", "Clinic", "", {})),
    "backends.create": ("ada", lambda rig, who:
        rig.services.backends.create(who, "clinic", "Clinic", "")),
    "password_links.create": ("ada", lambda rig, who:
        rig.services.password_links.create(who, "cora")),
    "backends.end_token": ("ada", lambda rig, who:
        rig.services.backends.end_token(who, "hospital", _backend_token(rig))),
    "audit.export": ("ada", lambda rig, who:
        rig.services.audit.export(who, AuditFilters())),
    "backends.new_token": ("ada", lambda rig, who:
        rig.services.backends.new_token(who, "hospital", "jobs")),
    "directory.create_project": ("ada", lambda rig, who:
        rig.services.directory.create_project(who, "lungs", "Lungs")),
    "directory.set_member": ("ada", lambda rig, who:
        rig.services.directory.set_member(who, "cardiology", "carl", ["collaborator"])),
    "directory.create_workspace": ("rita", lambda rig, who:
        rig.services.directory.create_workspace(
            who, name="second", project="cardiology",
            repo="https://github.com/demo-org/study", branch="main")),
    "directory.archive": ("rita", lambda rig, who:
        rig.services.directory.archive(who, "heart", archived=True)),
    "job_requests.create": ("rita", lambda rig, who: rig.services.job_requests.create(
        who, workspace_name="heart", backend_slug="hospital", actions=["make"])),
    "job_requests.cancel": ("rita", lambda rig, who:
        rig.services.job_requests.cancel(who, rig.submit(), None)),
    "job_requests.rerun_job": ("rita", lambda rig, who:
        rig.services.job_requests.rerun_job(who, _job(rig))),
    "job_requests.rerun": ("rita", lambda rig, who:
        rig.services.job_requests.rerun(who, rig.submit())),
    "releases.create": ("carl", lambda rig, who: _release(rig, who)),
    "releases.upload": ("carl", lambda rig, who: rig.services.releases.upload(
        rig.services.backends.by_slug("hospital"), who,
        _release(rig, rig.people["carl"]), "a.csv", DATA)),
    "releases.review": ("carl", lambda rig, who: rig.services.releases.review(
        rig.services.backends.by_slug("hospital"), who, _release(rig, rig.people["carl"]), [FILE])),
    "login_tokens.create": ("rita", lambda rig, who: rig.services.login_tokens.create(who)),
    "hatch_tokens.create": ("rita", lambda rig, who:
        rig.services.hatch_tokens.create(who, "heart", "hospital")),
}  # fmt: skip
"""Who may make each call, and the call."""
ELSEWHERE = {
    "releases.delete": "test_permissions.py",
    "snapshots.create": "test_permissions.py",
    "snapshots.publish": "test_permissions.py",
    "snapshots.reject": "test_permissions.py",
    "snapshots.comment": "test_permissions.py",
    "messages.test": "test_permissions.py",
    "password_links.send": "test_permissions.py",
    "second_factor.end_of_account": "test_second_factor.py",
}
"""Calls that need uploaded files or mail; test_permissions.py makes them as every person."""


def _identity(rig: Rig) -> int:
    with rig.services.database.change("test") as change:
        return add(
            change.connection, tables.identities, user_id=rig.people["rita"].id, issuer="https://x",
            subject=secrets.token_hex(4), created_at="", used_at="",
        )  # fmt: skip


def _session(rig: Rig) -> int:
    cora = rig.people["cora"]
    rig.services.sessions.start(cora, "local", "")
    return rig.services.sessions.of(cora)[0].id


def _token(rig: Rig) -> int:
    cora = rig.people["cora"]
    rig.services.access_tokens.create(cora, Wish("script"))
    return rig.services.access_tokens.of(cora)[0].id


def _job(rig: Rig) -> str:
    request = rig.submit("make")
    rig.report(request, "make", "failed")
    return f"{request}-make"


def _backend_token(rig: Rig) -> int:
    return rig.services.backends.tokens(rig.people["ada"])[1][0].id


def _release(rig: Rig, who: User) -> str:
    backend = rig.services.backends.by_slug("hospital")
    announced = schemas.FileList([FILE], {"airlock_id": new_ulid()}, None)
    return rig.services.releases.create(backend, who, "heart", announced).id


def test_every_changing_method_takes_who_acts_or_has_its_reason(rig: Rig) -> None:
    methods = dict(_changing(rig.services))
    assert set(methods) <= {*EXEMPT, *CALLS, *ELSEWHERE}
    assert {*CALLS, *ELSEWHERE} <= set(methods) | {"job_requests.rerun"}
    assert len(methods) > 20
    for name in set(methods) - set(EXEMPT):
        kinds = typing.get_type_hints(methods[name]).values()
        assert User in kinds or (User | Operator) in kinds, name


@pytest.mark.parametrize("name", CALLS)
def test_a_changing_method_refuses_who_may_not_and_serves_who_may(rig: Rig, name: str) -> None:
    allowed, call = CALLS[name]
    rig.has_run()
    nobody = rig.services.accounts.create(
        Operator(), username="nobody", fullname="Nobody", email="", password=PASSWORD
    )
    with pytest.raises((ForbiddenError, NotFoundError)):
        call(rig, nobody)
    with rig.services.database.read() as connection:
        rows = audit.page(connection, AuditFilters(), limit=1000, before=None)
    assert [row.event for row in rows if row.actor == "nobody"] == []
    call(rig, rig.people[allowed])
