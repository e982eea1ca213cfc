"""Running it: tokens that rotate, health, the chain, what is kept in plain text."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update
from tests.unit.job_server.rig import BOTH, PASSWORD, TOKENS, Rig

from sallyport_common.problems import ForbiddenError, Problem
from sallyport_job_server.models import Operator
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.storage import tables
from sallyport_records.chain import Verdict

ENGINES = BOTH
ROWS = tables.AUDIT.rows


def test_two_tokens_of_a_scope_are_valid_while_one_replaces_the_other(rig: Rig) -> None:
    backends = rig.services.backends
    first, second, third = TOKENS["jobs"], "b" * 40, "c" * 40

    def valid(token: str) -> bool:
        try:
            return bool(backends.caller(token, Scope.JOBS))
        except ForbiddenError:
            return False

    def ensure(token: str) -> str:
        return backends.ensure(
            Operator("test"), "hospital", "The Hospital", "https://hatch.example", {"jobs": token}
        )

    assert ensure(first) == "unchanged"
    assert ensure(second) == "changed"
    assert (valid(first), valid(second)) == (True, True)
    assert ensure(third) == "changed"
    assert (valid(first), valid(second), valid(third)) == (False, True, True)
    assert ensure(second) == "changed"
    assert (valid(second), valid(third)) == (True, True)
    with pytest.raises(Problem, match="in use for something else"):
        backends.ensure(Operator("test"), "clinic", "Clinic", "", {"jobs": second})
    with pytest.raises(Problem, match="shorter than"):
        backends.ensure(Operator("test"), "clinic", "Clinic", "", {"jobs": "tok"})


def test_the_chain_covers_changes_and_shows_an_edit(rig: Rig) -> None:
    identifier = rig.submit()
    rig.report(identifier, "make", "running")
    assert rig.services.audit.verify().intact
    with rig.services.database.change("eve") as change:
        table = tables.AUDIT.rows
        change.connection.execute(update(table).where(table.c.seq == 2).values(actor="eve"))
    assert rig.services.audit.verify().fault == "row 2 was changed"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (delete(ROWS).where(ROWS.c.seq == 3), "row 3 is missing or out of order"),
        (update(ROWS).where(ROWS.c.seq == 4).values(data={}), "row 4 was changed"),
        (update(ROWS).where(ROWS.c.seq == 4).values(prev="0" * 64), "row 4 does not follow the"),
        (delete(ROWS).where(ROWS.c.seq > 5), "the tail is missing: the head says row "),
    ],
)
def test_each_kind_of_damage_to_the_chain_is_named(rig: Rig, damage: Any, fault: str) -> None:
    assert rig.services.audit.verify().intact
    with rig.services.database.change("eve") as change:
        change.connection.execute(damage)
    verdict = rig.services.audit.verify()
    assert not verdict.intact
    assert (verdict.fault or "").startswith(fault)


def test_what_is_undone_leaves_no_row(rig: Rig) -> None:
    before = rig.services.audit.verify().rows

    def fail() -> None:
        with rig.services.database.change("ada") as change:
            change.record("probe", "x")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert rig.services.audit.verify() == Verdict(before, None)
    with rig.services.database.change("ada") as change:
        change.record("probe", "x")
    assert rig.services.audit.verify() == Verdict(before + 1, None)


def test_health_needs_a_migrated_database(rig: Rig) -> None:
    client = rig.app.test_client()
    answer = client.get("/healthz")
    assert (answer.status_code, (answer.json or {})["service"]) == (200, "job_server")
    assert client.get("/metrics").status_code == 200
    with rig.services.database.change("x") as change:
        change.connection.exec_driver_sql("DELETE FROM job_server_version")
    assert client.get("/healthz").status_code == 503


def test_no_secret_is_kept_in_plain_text(rig: Rig) -> None:
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("x"))
    kept = rig.dump()
    for secret in (token, PASSWORD, *TOKENS.values()):
        assert secret not in kept
    assert "rita" in kept
