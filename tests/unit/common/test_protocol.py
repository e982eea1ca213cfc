"""Identifiers, tokens and wire rows of the classic job API."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sallyport_common import protocol, tokens
from sallyport_common.protocol import JobRow, State, StatusCode


def test_the_job_identifier_equals_the_published_check_value() -> None:
    assert tokens.job_identifier("aaaaaaaaaaaaaaaa", "make") == "3ldz6rkojm4ll2dw"


def test_identifiers_have_the_wire_form() -> None:
    assert re.fullmatch("[a-z2-7]{16}", tokens.new_request_identifier())
    assert re.fullmatch("[0-9a-f]{40}", tokens.new_backend_token())
    assert tokens.is_ulid(tokens.new_ulid())


@pytest.mark.parametrize("text", ["", "x" * 26, "8" + "0" * 25, "01ARZ3NDEKTSV4RRFFQ69G5FA"])
def test_other_texts_are_no_ulid(text: str) -> None:
    assert tokens.is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert not tokens.is_ulid(text)


def test_a_token_matches_its_digest_only() -> None:
    token = tokens.new_backend_token()
    assert tokens.matches(token, tokens.digest(token))
    assert not tokens.matches(token + "0", tokens.digest(token))
    assert token not in tokens.digest(token)


@pytest.mark.parametrize("code", list(StatusCode))
def test_every_code_has_a_state(code: StatusCode) -> None:
    state = protocol.state_of(code)
    assert state.final == (state in (State.SUCCEEDED, State.FAILED))
    if code in protocol.RESET_CODES:
        assert state is State.PENDING


def test_times_are_utc_with_seconds() -> None:
    moment = protocol.parse_utc("2026-11-23T07:15:04.5+01:00")
    assert protocol.utc_text(moment) == "2026-11-23T06:15:04Z"
    assert protocol.parse_utc(protocol.utc_now_text()).tzinfo is not None
    with pytest.raises(ValueError, match="offset"):
        protocol.parse_utc("2026-11-23T07:15:04")


@pytest.fixture
def wire() -> dict[str, Any]:
    """Return a row as the oldest supported runner sends it: no run_command, empty code."""
    return {
        "identifier": "m7yxpcugkae73bsq",
        "job_request_id": "cccccccccccccccc",
        "action": "slow",
        "status": "running",
        "status_code": "",
        "status_message": "Running",
        "created_at": "2026-11-23T06:16:47Z",
        "updated_at": None,
        "started_at": None,
        "completed_at": None,
    }


def test_an_old_row_is_accepted(wire: dict[str, Any]) -> None:
    row = JobRow.from_wire(wire)
    assert row.run_command == ""
    assert row.requires_db is False


def test_a_row_survives_the_wire(wire: dict[str, Any]) -> None:
    row = JobRow.from_wire(wire | {"requires_db": 1, "metrics": {"cpu_mean": 0.5}})
    assert row.to_wire()["requires_db"] == 1
    assert JobRow.from_wire(row.to_wire()) == row


def test_a_row_without_a_required_key_is_refused(wire: dict[str, Any]) -> None:
    del wire["created_at"]
    with pytest.raises(KeyError, match="created_at"):
        JobRow.from_wire(wire)
