"""The compatible token API: scope, lists, bytes, requests, and an upload that uploads nothing."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.unit.release_hatch.doubles import BASE, CSV, Browser, JobServerDouble
from tests.unit.release_hatch.test_tokens import sign

from sallyport_release_hatch.app import create_app
from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.settings import Settings

SHA = hashlib.sha256(CSV).hexdigest()
ORIGIN = "https://jobs.sallyport.test"


def headers(user: str = "ada", workspace: str = "w1", minutes: int = 5) -> dict[str, str]:
    """Return headers with a token."""
    expiry = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    token = sign({"url": f"{BASE}/workspace/{workspace}", "user": user, "expiry": expiry})
    return {"Authorization": token}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client that follows the scheme of the hatch."""
    made = app.test_client()
    made.environ_base["HTTP_HOST"] = "hatch.sallyport.test"
    return made


def entry(name: str = "output/table.csv", sha256: str = SHA, **more: Any) -> dict[str, Any]:
    """Return a file of a FileList."""
    return {"name": name, "sha256": sha256, "url": None, "size": len(CSV)} | more


TEXTS = {"context": "adults", "disclosureControl": "rounded"}


def create(client: FlaskClient, user: str = "ada", **texts: str) -> Any:
    """Ask for a release."""
    body = {"files": [entry(metadata=texts or None)], "metadata": {"dataRelease": "paper"}}
    return client.post("/workspace/w1/release", json=body, headers=headers(user))


def test_tokens_open_their_workspace_only(client: FlaskClient) -> None:
    path = "/workspace/w1/current"
    assert client.get(path, headers=headers()).status_code == 200
    answer = client.get(path)
    assert (answer.status_code, answer.json) == (403, {"detail": "Not authenticated"})
    answer = client.get(path, headers=headers(minutes=-5))
    assert (answer.status_code, answer.json) == (401, {"detail": "Unauthorized"})
    answer = client.get(path, headers=headers(workspace="w"))
    assert (answer.status_code, answer.json) == (403, {"detail": "Forbidden"})
    assert client.get(path, headers=headers("nobody")).status_code == 403
    assert client.get(path, headers=headers("eve")).status_code == 404


def test_the_index_lists_what_can_be_read(client: FlaskClient) -> None:
    body = client.get("/workspace/w1/current", headers=headers()).json
    assert body is not None
    names = [file["name"] for file in body["files"]]
    assert names == sorted(names)
    table = body["files"][names.index("output/table.csv")]
    assert table["sha256"] == SHA
    assert table["url"].endswith("/workspace/w1/current/output/table.csv")
    assert body["metadata"] is body["review"] is table["metadata"] is table["review"] is None
    answer = client.get(table["url"], headers=headers())
    assert answer.data == CSV


def test_bytes_come_with_validators_and_a_sandbox(client: FlaskClient) -> None:
    path = "/workspace/w1/current/output/table.csv"
    answer = client.get(path, headers=headers())
    assert answer.headers["ETag"] == f'"{SHA}"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "Last-Modified" in answer.headers
    again = client.get(path, headers=headers() | {"If-None-Match": f'"{SHA}"'})
    assert again.status_code == 304
    part = client.get(path, headers=headers() | {"Range": "bytes=0-4"})
    assert (part.status_code, part.data) == (206, b"group")
    assert client.head(path, headers=headers()).headers["Content-Length"] == str(len(CSV))


@pytest.mark.parametrize(
    "path", ["output", "output/none.csv", "metadata/manifest.json", "%2e%2e/w2/x", "a%5Cb"]
)
def test_what_is_not_listed_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/workspace/w1/current/{path}", headers=headers())
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["detail"].endswith("not found in workspace w1")


def test_a_release_is_frozen_and_submitted_with_its_texts(
    client: FlaskClient, hatch: Hatch
) -> None:
    answer = create(client, **TEXTS)
    assert answer.status_code == 201
    identifier = answer.json["release_id"]
    assert answer.headers["Release-Id"] == answer.headers["Response-Id"] == identifier
    address = answer.headers["Release-API-Location"]
    listing = client.get(address, headers=headers()).json
    assert listing is not None
    assert [file["sha256"] for file in listing["files"]] == [SHA]
    frozen = client.get(listing["files"][0]["url"], headers=headers())
    assert frozen.data == CSV
    assert frozen.headers["Cache-Control"].endswith("immutable")
    with hatch.database.read() as transaction:
        found = transaction.requests.get(identifier)
    assert (found.state, found.purpose, found.context) == ("SUBMITTED", "paper", "adults")
    assert create(client, **TEXTS).json["release_id"] == identifier


def test_a_release_without_texts_waits_for_its_author(client: FlaskClient, hatch: Hatch) -> None:
    identifier = create(client).json["release_id"]
    with hatch.database.read() as transaction:
        assert transaction.requests.get(identifier).state == "PENDING"


@pytest.mark.parametrize(
    ("body", "missing", "invalid"),
    [
        (None, [["files"]], {}),
        ([], [["files"]], {}),
        ({"files": {}}, [], {"files": "a list"}),
        ({"files": [{"sha256": SHA}]}, [["files", 0, "name"]], {}),
        ({"files": [{"name": "output/table.csv"}]}, [["files", 0, "sha256"]], {}),
        (
            {"files": [5, {"name": 5, "review": "yes"}], "metadata": []},
            [["files", 1, "sha256"]],
            {
                "files/0": "an object",
                "files/1/name": "a string",
                "files/1/review": "an object, or null",
                "metadata": "an object, or null",
            },
        ),
    ],
)
def test_every_missing_and_invalid_field_is_named(
    client: FlaskClient, body: Any, missing: list[list[Any]], invalid: dict[str, str]
) -> None:
    answer = client.post("/workspace/w1/release", json=body, headers=headers())
    assert answer.status_code == 422
    faults = (answer.json or {})["detail"]
    assert [fault for fault in faults if fault["type"] == "value_error.missing"] == [
        {"loc": ["body", *path], "msg": "field required", "type": "value_error.missing"}
        for path in missing
    ]
    assert {
        "/".join(map(str, fault["loc"][1:])): fault["msg"]
        for fault in faults
        if fault["type"] == "type_error"
    } == {path: f"expected: {text}" for path, text in invalid.items()}


def test_files_must_be_what_the_caller_saw(client: FlaskClient) -> None:
    bad = [entry(sha256="0" * 64), entry("output\\none.csv")]
    answer = client.post("/workspace/w1/release", json={"files": bad}, headers=headers())
    assert answer.status_code == 400
    assert answer.json == {
        "detail": [
            "File output/table.csv does not match its sha256",
            "File output/none.csv not found in workspace w1",
        ]
    }
    good = client.post("/workspace/w1/release", json={"files": [entry()]}, headers=headers())
    assert good.status_code == 201


def test_who_may_not_ask_is_refused_on_create(client: FlaskClient) -> None:
    assert create(client, "cy").status_code == 403
    assert create(client, "eve").status_code == 404
    assert create(client, "bob").status_code == 201


def test_an_unapproved_file_is_not_uploaded(client: FlaskClient) -> None:
    identifier = create(client, **TEXTS).json["release_id"]
    path = f"/workspace/w1/release/{identifier}"
    answer = client.post(path, json={"name": "output/table.csv"}, headers=headers())
    assert answer.status_code == 403
    assert client.post(path, json={"name": "x.csv"}, headers=headers()).status_code == 404
    assert client.post(path, json={}, headers=headers()).status_code == 422
    other = "/workspace/w1/release/01ARZ3NDEKTSV4RRFFQ69G5FAV"
    answer = client.post(other, json={"name": "output/table.csv"}, headers=headers())
    assert answer.json == {"detail": "Release 01ARZ3NDEKTSV4RRFFQ69G5FAV not found"}


def test_an_approved_file_is_reported_once_the_publisher_did(
    client: FlaskClient, approved: str, hatch: Hatch, job_server: JobServerDouble
) -> None:
    path, body = f"/workspace/w1/release/{approved}", {"name": "output/table.csv"}
    answer = client.post(path, json=body, headers=headers())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    hatch.handover.file_uploaded(approved, SHA, "file-1")
    answer = client.post(path, json=body, headers=headers())
    assert (answer.status_code, answer.data) == (201, b"")
    assert answer.headers["File-Id"] == "file-1"
    assert answer.headers["Location"] == f"{job_server.url}/api/v2/releases/file/file-1"


def test_an_upload_waits_for_the_publisher(settings: Settings, approved: str, hatch: Hatch) -> None:
    app = create_app(settings, replace(hatch, settings=replace(settings, upload_wait=5.0)))
    report = threading.Timer(0.1, hatch.handover.file_uploaded, (approved, SHA, "file-1"))
    report.start()
    started = time.monotonic()
    answer = app.test_client().post(
        f"/workspace/w1/release/{approved}", json={"name": "output/table.csv"}, headers=headers()
    )
    report.join()
    assert answer.status_code == 201
    assert time.monotonic() - started < 3


def test_reviews_by_clients_count_like_others(
    client: FlaskClient, browser: Callable[[str], Browser]
) -> None:
    identifier = create(client, **TEXTS).json["release_id"]
    path = f"/workspace/w1/{identifier}/reviews"

    def send(user: str, **review: Any) -> Any:
        body = {"files": [entry(review=review or None)]}
        return client.post(path, json=body, headers=headers(user))

    assert send("ada", status="APPROVED").status_code == 403
    assert send("cy").json["detail"] == [
        "File output/table.csv needs a review, APPROVED or REJECTED"
    ]
    rejected = send("cy", status="REJECTED", comments={})
    assert rejected.json["detail"] == ["File output/table.csv is rejected without comments"]
    assert send("cy", status="REJECTED", comments={"a": "round it"}).status_code == 200
    assert send("di", status="APPROVED").status_code == 200
    assert "output/table.csv: round it" in browser("di").get(f"/requests/{identifier}").text
    odd = {"files": [entry(sha256="0" * 64, review={"status": "APPROVED"}), entry("x.csv")]}
    detail = client.post(path, json=odd, headers=headers("cy")).json
    assert detail == {
        "detail": [
            "File output/table.csv does not match the file in this release",
            "File x.csv is not in this release",
        ]
    }


def test_a_job_server_that_fails_is_a_bad_gateway(
    client: FlaskClient, job_server: JobServerDouble
) -> None:
    job_server.failing = True
    answer = client.get("/workspace/w1/current", headers=headers())
    assert answer.status_code == 502
    assert answer.json == {"detail": "The job server cannot answer at the moment."}


def test_one_origin_may_read_from_browsers(client: FlaskClient) -> None:
    path = "/workspace/w1/current"
    preflight = client.options(path, headers={"Origin": ORIGIN})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert preflight.headers["Access-Control-Max-Age"] == "3200"
    foreign = client.options(path, headers={"Origin": "https://evil.test"})
    assert (foreign.status_code, foreign.text) == (400, "Disallowed CORS origin")
    answer = client.get(path, headers=headers() | {"Origin": ORIGIN})
    assert "Release-Id" in answer.headers["Access-Control-Expose-Headers"]
    plain = client.get(path, headers=headers() | {"Origin": "https://evil.test"})
    assert "Access-Control-Allow-Origin" not in plain.headers
