"""Each status code, as our job server has it of a real daemon with the real engine and real git.

The story is told once; the tests look at its evidence. What a job is made to wait for is a call
of the engine, kept by `codes.gate`, so that no code is a matter of luck.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.conformance.codes.evidence import Evidence, Story
from tests.conformance.codes.table import (
    KILLED,
    NOTHING,
    OUT_OF_MEMORY,
    PART_KILLED,
    ROWS,
    TIMES,
    Row,
)

from sallyport_common.protocol import ERROR_ACTION, StatusCode, state_of

Cases = dict[str, Evidence]
_SILENT = {OUT_OF_MEMORY: KILLED, PART_KILLED: "Completed successfully"}
"""What is said where the engine does not tell that memory ran out."""
_CLASS = re.compile(r"[A-Z]\w+(Error|Exception)\b|Traceback|\bNone\b")
_PATH = re.compile(r"(^|[\s('])/\w")


@pytest.fixture
def cases(told: Story) -> Cases:
    """What was seen, by case."""
    return told.found


def test_every_code_has_a_row() -> None:
    assert {row.code for row in ROWS} == set(StatusCode)


def expected(row: Row, found: Evidence) -> Row:
    """Return the row as it is with this engine, which may not tell that memory ran out.

    A call that is kept for longer than the runner waits is one of an engine that does not answer,
    and the sentence may go on with that.
    """
    if row.code is StatusCode.FINALIZING and found.message.startswith(f"{row.message};"):
        return replace(row, message=found.message)
    silent = _SILENT.get(row.message)
    return replace(row, message=silent) if silent and not found.engine_told else row


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_server_has_code_state_message_and_times(cases: Cases, row: Row) -> None:
    found = cases[row.case]
    assert (found.code, found.status) == (row.code, state_of(row.code))
    assert found.message == expected(row, found).message
    assert (bool(found.started_at), bool(found.completed_at)) == TIMES[row.times]
    assert found.created_at
    assert found.updated_at


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_there_is_of_the_job(cases: Cases, row: Row) -> None:
    assert cases[row.case].left == row.left


def test_sentences_are_for_people(cases: Cases) -> None:
    for found in cases.values():
        assert not _CLASS.search(found.message), found
        assert not _PATH.search(found.message), found
        assert found.message[0].isupper()
        assert len(found.message) < 200


@pytest.mark.parametrize("row", [row for row in ROWS if row.case.startswith("cancelled:")], ids=str)
def test_a_cancelled_job_ended_when_it_was_cancelled(cases: Cases, row: Row) -> None:
    found = cases[row.case]
    assert found.cancelled_at
    assert found.completed_at == found.cancelled_at


def test_a_request_that_is_refused_has_all_times(cases: Cases) -> None:
    refused = [found for found in cases.values() if found.action == ERROR_ACTION]
    assert len(refused) == 3
    for found in refused:
        moments = {found.created_at, found.updated_at, found.started_at, found.completed_at}
        assert len(moments) == 1


def test_a_job_that_the_database_was_closed_under_starts_anew(cases: Cases) -> None:
    assert cases["closed"].journal[-2:] == ("executing", "waiting_db_maintenance")
    assert cases["closed"].started_at is None
    assert cases["closed"].left == NOTHING
    assert cases["open again"].started_at
    assert "preparing" in cases["open again"].journal[len(cases["closed"].journal) :]


def test_an_interrupted_job_waits_for_its_restart(cases: Cases) -> None:
    before, after = cases["before"], cases["interrupted"]
    new = after.journal[len(before.journal) :]
    assert new[0] == StatusCode.WAITING_ON_REBOOT
    assert new[-1] == StatusCode.EXECUTING
    assert before.started_at
    assert after.started_at
    assert before.started_at < after.started_at


def test_a_job_goes_through_its_states_in_order(cases: Cases) -> None:
    assert cases["good"].journal[-3:] == ("prepared", "executing", "succeeded")
    journal = cases["finalizing"].journal
    assert set(journal[journal.index("executing") + 1 :]) == {"finalizing"}
    assert cases["killed"].journal[-3:] == ("executing", "executed", "nonzero_exit")
