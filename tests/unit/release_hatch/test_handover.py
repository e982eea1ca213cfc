"""After an approval: one folder for the publisher, and reports that only the publisher sends."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from tests.unit.release_hatch.doubles import CSV, PNG, person

from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.app import create_outbox
from sallyport_release_hatch.models import Identity, RequestState
from sallyport_release_hatch.services import handover
from sallyport_release_hatch.services.hatch import Hatch, build
from sallyport_release_hatch.services.rechecking import check_again
from sallyport_release_hatch.settings import Settings
from sallyport_release_hatch.storage.frozen import DamagedFileError, FrozenFiles

SHA, PLOT = (hashlib.sha256(data).hexdigest() for data in (CSV, PNG))


def outbox(hatch: Hatch, uid: int) -> Iterator[FlaskClient]:
    """Return a client at the other end of a real unix socket, with a publisher of that uid."""
    settings = replace(hatch.settings, publisher_uid=uid)
    client = create_outbox(replace(hatch, settings=settings)).test_client()
    ends = socket.socketpair(socket.AF_UNIX)
    with ends[0], ends[1]:
        cast(dict[str, Any], client.environ_base)["gunicorn.socket"] = ends[0]
        yield client


@pytest.fixture
def publisher(hatch: Hatch) -> Iterator[FlaskClient]:
    """Return a client that the hatch takes for the publisher."""
    yield from outbox(hatch, os.getuid())


@pytest.fixture
def stranger(hatch: Hatch) -> Iterator[FlaskClient]:
    """Return a client of another account."""
    yield from outbox(hatch, os.getuid() + 1)


def test_the_approved_tree_holds_manifest_and_bytes(approved: str, tmp_path: Path) -> None:
    folder = tmp_path / "approved" / approved
    assert {path.name for path in folder.iterdir()} == {"manifest.json", SHA, PLOT}
    assert (folder / SHA).read_bytes() == CSV
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o640}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["version"] == 1
    assert manifest["state"] == "APPROVED"
    assert manifest["request"] == approved
    assert (manifest["author"], manifest["releasing_checker"]) == ("ada", "di")
    assert manifest["reviewers"] == ["cy", "di"]
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == {
        "output/table.csv": SHA,
        "output/plot.png": PLOT,
    }
    assert all(file["approved_by"] == ["cy", "di"] for file in manifest["files"])


def test_what_was_handed_over_is_never_written_again(
    approved: str, hatch: Hatch, tmp_path: Path
) -> None:
    before = (tmp_path / "approved" / approved).stat()
    assert hatch.handover.hand_over_all() == 0
    assert (tmp_path / "approved" / approved).stat() == before
    assert [path.name for path in (tmp_path / "approved").iterdir()] == [approved]


def test_a_hand_over_that_failed_is_made_up_for(
    approved: str, hatch: Hatch, tmp_path: Path
) -> None:
    folder = tmp_path / "approved" / approved
    folder.rename(tmp_path / "approved" / f".{approved}.draft")
    copy = tmp_path / "files/w1" / approved / SHA
    copy.write_bytes(b"tampered")
    assert hatch.handover.hand_over_all() == 0
    assert not folder.exists()
    copy.write_bytes(CSV)
    assert hatch.handover.hand_over_all() == 1
    assert (folder / SHA).read_bytes() == CSV


def test_what_checkers_were_not_shown_goes_back_to_its_author(
    approved: str, settings: Settings, hatch: Hatch, tmp_path: Path
) -> None:
    folder = tmp_path / "approved" / approved
    folder.rename(tmp_path / "written-before")
    hatch.handover.failed(approved, "The request cannot be handed over.")
    stricter = build(replace(settings, output_policy=Policy(threshold=10)))
    assert [stricter.handover.hand_over_all() for _twice in "ab"] == [0, 0]
    stricter.close()
    assert not folder.exists()
    with hatch.database.read() as transaction:
        request = transaction.requests.get(approved)
    assert (request.state, request.decided_by) == (RequestState.RETURNED, None)
    assert request.problem is None
    reasons = [comment.text for comment in request.comments if comment.author == "release_hatch"]
    assert len(reasons) == 1
    assert "more than the checkers were shown" in reasons[0]


def test_only_an_approved_request_goes_back(
    approved: str, settings: Settings, hatch: Hatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its author withdraws it between the check and the return, which another thread made first."""
    (tmp_path / "approved" / approved).rename(tmp_path / "written-before")
    author = Identity.from_wire(person("ada", "w1"))
    stricter = build(replace(settings, output_policy=Policy(threshold=10)))

    def slow(*arguments: Any) -> None:
        monkeypatch.undo()
        stricter.handover.hand_over_all()
        stricter.requesting.withdraw(author, approved)
        check_again(*arguments)

    monkeypatch.setattr(handover, "check_again", slow)
    assert stricter.handover.hand_over_all() == 0
    stricter.close()
    with hatch.database.read() as transaction:
        request = transaction.requests.get(approved)
    assert request.state is RequestState.WITHDRAWN
    assert [comment.author for comment in request.comments] == ["release_hatch"]


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("decided_by", "d i", "releasing_checker is not a user name"),
        ("decided_at", "today", "approved_at is not a time with an offset from UTC"),
    ],
)
def test_a_request_that_the_publisher_would_not_read_says_so_on_its_page(
    approved: str, hatch: Hatch, tmp_path: Path, column: str, value: str, sentence: str
) -> None:
    folder = tmp_path / "approved" / approved
    folder.rename(tmp_path / "written-before")
    with hatch.database.write() as transaction:
        right = getattr(transaction.requests.get(approved), column)
        transaction.requests.change(approved, **{column: value})
    assert hatch.handover.hand_over_all() == 0
    with hatch.database.read() as transaction:
        assert sentence in str(transaction.requests.get(approved).problem)
    with hatch.database.write() as transaction:
        transaction.requests.change(approved, **{column: right})
    assert hatch.handover.hand_over_all() == 1
    assert folder.is_dir()


def test_frozen_bytes_are_checked_when_they_are_read(tmp_path: Path) -> None:
    frozen = FrozenFiles(tmp_path)
    digest = frozen.put("w1", "r1", CSV)
    assert frozen.read("w1", "r1", digest) == CSV
    (tmp_path / "w1/r1" / digest).write_bytes(b"x")
    with pytest.raises(DamagedFileError):
        frozen.read("w1", "r1", digest)
    with pytest.raises(DamagedFileError):
        frozen.read("w1", "r2", digest)


def test_released_follows_from_the_publishers_reports(
    approved: str, publisher: FlaskClient, hatch: Hatch
) -> None:
    base = f"/requests/{approved}"
    assert publisher.post(f"{base}/failed", json={"reason": "no answer"}).status_code == 200
    assert publisher.post(f"{base}/files/{SHA}", json={"file_id": "f1"}).status_code == 200
    assert publisher.post(f"{base}/released").status_code == 409
    assert publisher.post(f"{base}/files/{'0' * 64}", json={"file_id": "x"}).status_code == 404
    assert publisher.post(f"{base}/files/{PLOT}", json={}).status_code == 200
    for _ in range(2):
        assert publisher.post(f"{base}/released").status_code == 200
    with hatch.database.read() as transaction:
        found = transaction.requests.get(approved)
        events = [row["event"] for row in transaction.audit_rows(approved)]
        released = transaction.requests.released_hashes("w1")
    assert (found.state, found.problem) == ("RELEASED", None)
    assert {file.sha256: file.file_id for file in found.files} == {SHA: "f1", PLOT: None}
    assert events[-4:] == [
        "request_release_failed",
        "file_upload",
        "file_upload",
        "request_release",
    ]
    assert released == {SHA, PLOT}


def test_only_the_publishers_account_reports(
    approved: str, publisher: FlaskClient, stranger: FlaskClient
) -> None:
    path = f"/requests/{approved}/files/{SHA}"
    assert stranger.post(path, json={"file_id": "f1"}).status_code == 403
    assert publisher.post(path, json={"file_id": "f1"}).status_code == 200
    del publisher.environ_base["gunicorn.socket"]
    assert publisher.post(path, json={"file_id": "f1"}).status_code == 403


def test_reports_on_other_requests_are_refused(publisher: FlaskClient) -> None:
    answer = publisher.post("/requests/01ARZ3NDEKTSV4RRFFQ69G5FAV/released")
    assert answer.status_code == 404
