"""Requests are taken once, verified, and cancelled; jobs are posted when they change."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.rig import Runner, settings

from sallyport_common.errors import SettingsError
from sallyport_common.protocol import ENVELOPE_TYPE, utc_text
from sallyport_records import dsse, keys
from sallyport_runner.flags import Flag, Flags
from sallyport_runner.models import Reason
from sallyport_runner.services.requests import outgoing
from sallyport_runner.services.requests.reader import RefusedRequestError, RequestReader, load_keys
from sallyport_runner.services.requests.server import JobServer, Listing, ServerError
from sallyport_runner.services.requests.sync import Listener, SyncState
from sallyport_study.catalogue import Catalogue, ImageEntry
from sallyport_study.images import DOCKER_IMAGES
from sallyport_study.reusable import Home

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PRIVATE_PEM, PUBLIC_PEM = keys.generate()
PRIVATE, PUBLIC = keys.load_private(PRIVATE_PEM), keys.load_public(PUBLIC_PEM)


def payload(**values: Any) -> dict[str, Any]:
    """Return what the job server signs."""
    return {
        "identifier": "a" * 16,
        "backend": "hospital",
        "workspace": "ws",
        "repo": "https://github.com/demo-org/study",
        "branch": "main",
        "sha": "0" * 40,
        "requested_actions": ["make"],
        "force_run_dependencies": False,
        "database_name": "default",
        "permissions": {},
        "codelists_ok": True,
        "created_by": "ada",
        "created_at": utc_text(NOW),
        "expires_at": utc_text(NOW + timedelta(days=1)),
    } | values


def row(**values: Any) -> dict[str, Any]:
    """Return a row of the request list, signed."""
    signed = payload(**values)
    return {
        "backend": "hospital",
        "sha": "0" * 40,
        "identifier": signed["identifier"],
        "force_run_dependencies": False,
        "requested_actions": ["evil"],
        "cancelled_actions": [],
        "created_by": "ada",
        "created_at": utc_text(NOW),
        "workspace": {
            "name": "ws",
            "repo": "https://github.com/demo-org/study",
            "branch": "main",
            "db": "full",
        },
        "envelope": dsse.sign(ENVELOPE_TYPE, json.dumps(signed).encode(), PRIVATE),
    }


def reader(trusted: bool = True) -> RequestReader:
    """Return a reader with or without a trusted key."""
    return RequestReader("hospital", [PUBLIC] if trusted else [], lambda: NOW)


def test_the_signed_payload_alone_counts() -> None:
    assert reader().read(row()).requested_actions == ["make"]
    assert reader(trusted=False).read(row()).requested_actions == ["evil"]
    assert reader(trusted=False).read(row()).database_name == "default"


def _other_key(given: dict[str, Any]) -> dict[str, Any]:
    other = keys.load_private(keys.generate()[0])
    return given | {"envelope": dsse.sign(ENVELOPE_TYPE, json.dumps(payload()).encode(), other)}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({name: value for name, value in row().items() if name != "envelope"}, "unsigned"),
        (_other_key(row()), "signature"),
        (row() | {"identifier": "b" * 16}, "mismatch"),
        (row(backend="other"), "backend"),
        (row(created_at=utc_text(NOW + timedelta(minutes=6))), "future"),
        (row() | {"identifier": "../../x"}, "malformed"),
        (row(requested_actions="make"), "malformed"),
        (
            {"identifier": "a" * 16, "envelope": dsse.sign(ENVELOPE_TYPE, b"[1]", PRIVATE)},
            "malformed",
        ),
    ],
)
def test_what_is_not_signed_for_us_is_refused(given: dict[str, Any], kind: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        reader().read(given)
    assert caught.value.kind == kind
    assert reader().read(row())


def test_a_payload_without_a_field_is_refused_and_stops_nobody(runner: Runner) -> None:
    for name in set(payload()) - {"permissions", "created_by"}:
        short = {key: value for key, value in payload().items() if key != name}
        signed = dsse.sign(ENVELOPE_TYPE, json.dumps(short).encode(), PRIVATE)
        with pytest.raises(RefusedRequestError, match="malformed"):
            reader().read(row() | {"envelope": signed})
    good = row() | {"identifier": "b" * 16, "envelope": row(identifier="b" * 16)["envelope"]}
    runner.server.listing = Listing([good, {"identifier": 5}, row() | {"envelope": signed}], None)
    listener(runner).step()
    assert runner.store.request("b" * 16)
    assert runner.store.request("a" * 16) is None


def test_two_payloads_for_one_request_in_one_listing(runner: Runner) -> None:
    runner.server.listing = Listing([row(sha="1" * 40), row(sha="0" * 40)], None)
    listener(runner).step()
    kept = runner.store.request("a" * 16)
    assert kept
    assert kept.sha == "0" * 40


def test_a_fault_of_the_server_forgets_what_it_said_last(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    hears, heard = listener(runner), runner.server.requests
    runner.server.listing = Listing([], '"1"')
    hears.step()

    def fault(*_words: object) -> Listing:
        raise ServerError("away")

    monkeypatch.setattr(runner.server, "requests", fault)
    with pytest.raises(ServerError):
        hears.step()
    monkeypatch.setattr(runner.server, "requests", heard)
    hears.step()
    assert runner.server.asked == [None, None]


def test_what_was_not_posted_is_posted_later(
    runner: Runner, sha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.request("a", sha, "make")
    runner.passes(1)
    post = runner.server.post

    def fault(*_words: object, partial: bool) -> None:
        assert not partial
        raise ServerError("away")

    monkeypatch.setattr(runner.server, "post", fault)
    with pytest.raises(ServerError):
        runner.reporter.step()
    monkeypatch.setattr(runner.server, "post", post)
    runner.reporter.step()
    assert len(runner.server.bodies) == 1


def test_clocks_may_differ_by_five_minutes() -> None:
    assert not reader().read(row(created_at=utc_text(NOW + timedelta(minutes=4)))).expired
    assert not reader().read(row(expires_at=utc_text(NOW - timedelta(minutes=4)))).expired
    assert reader().read(row(expires_at=utc_text(NOW - timedelta(minutes=6)))).expired


def test_keys_are_read_or_named_as_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    assert load_keys(None) == []
    path.write_bytes(PUBLIC_PEM + keys.generate()[1])
    assert len(load_keys(path)) == 2
    path.write_text("nonsense")
    with pytest.raises(SettingsError, match="RUNNER_TRUSTED_KEYS"):
        load_keys(path)


def listener(runner: Runner) -> Listener:
    """Return a listener over the rig's store and server."""
    return Listener(runner.server, runner.store, reader(), SyncState(), runner.inbox)


def test_a_row_is_verified_once_unless_it_was_refused(runner: Runner) -> None:
    moments = [NOW - timedelta(minutes=10), NOW, NOW]
    asked: list[datetime] = []

    def clock() -> datetime:
        asked.append(NOW)
        return moments[min(len(asked), len(moments)) - 1]

    reads = RequestReader("hospital", [PUBLIC], clock)
    hears = Listener(runner.server, runner.store, reads, SyncState(), runner.inbox)
    runner.server.listing = Listing([row()], None)
    hears.step()
    assert runner.store.request("a" * 16) is None, "signed in the future"
    hears.step()
    assert runner.store.request("a" * 16) is not None
    verified = len(asked)
    hears.step()
    assert len(asked) == verified
    runner.server.listing = Listing([row() | {"cancelled_actions": ["make"]}], None)
    hears.step()
    assert len(asked) > verified


def test_a_second_payload_for_a_known_request_is_refused(runner: Runner) -> None:
    hears = listener(runner)
    for sha in ("0" * 40, "1" * 40):
        runner.server.listing = Listing([row(sha=sha)], '"1"')
        assert hears.step()
    kept = runner.store.request("a" * 16)
    assert kept
    assert kept.sha == "0" * 40
    assert runner.server.asked == [None, '"1"']


def test_cancellation_needs_no_signature(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(3)
    runner.server.listing = Listing([{"identifier": "a" * 16, "cancelled_actions": ["make"]}], None)
    assert not listener(runner).step()
    assert runner.job("make").cancelled_at


def test_an_action_cancelled_before_its_job_was_made_never_runs(runner: Runner, sha: str) -> None:
    hears = listener(runner)
    runner.server.listing = Listing([row(sha=sha) | {"cancelled_actions": ["make"]}], None)
    hears.step()
    runner.passes(3)
    assert runner.job("make").code == "cancelled_by_user"
    assert runner.executor.started == []


def test_jobs_are_posted_on_change_and_as_a_heartbeat(runner: Runner, sha: str) -> None:
    runner.reporter.step()
    assert runner.server.bodies == []
    runner.executor.held = True
    runner.request("a", sha, "table")
    runner.passes(3)
    runner.reporter.step()
    (body,) = runner.server.bodies
    assert {job["action"] for job in body} == {"make", "table"}
    runner.reporter.step()
    assert len(runner.server.bodies) == 1
    runner.now += 61
    runner.reporter.step()
    assert len(runner.server.bodies) == 2


def test_a_change_during_the_post_is_posted_again(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "make")
    runner.passes(1)
    job = runner.job("make")
    runner.store.acknowledge({job.id: job.revision})
    assert runner.store.jobs_to_post(heartbeat=False) == []
    runner.store.update(job.id, reason=Reason.NONE)
    runner.store.acknowledge({job.id: job.revision})
    assert [one.id for one in runner.store.jobs_to_post(heartbeat=False)] == [job.id]


class _Handler(BaseHTTPRequestHandler):
    """A job server with one answer."""

    seen: list[tuple[str, dict[str, str], bytes]]
    answer: tuple[int, dict[str, str], bytes]

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, dict(self.headers), body))
        status, headers, text = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _reply

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[tuple[JobServer, type[_Handler]]]:
    """Give a client and the handler that answers it."""
    handler = type("Handler", (_Handler,), {"seen": [], "answer": (200, {}, b"{}")})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api/v2/"
        yield JobServer(settings(tmp_path, job_server_endpoint=url), "test"), handler
        server.shutdown()


def test_the_flags_say_what_actions_may_name(tmp_path: Path) -> None:
    rstan = ImageEntry(name="rstan", repository="quay.io/x/rstan", tags=("v1", "v2"))
    own = Catalogue.of([ImageEntry(name="python"), rstan])
    home = Home("github.com", "demo-actions")
    known = settings(tmp_path, images=own, action_organisation=home, action_branch="trunk")
    assert {name: value["v"] for name, value in outgoing.flags(Flags(), known).items()} == {
        "images": "python rstan",
        "image-tags": "rstan:v1 rstan:v2",
        "actions": "github.com/demo-actions trunk",
    }


def test_the_wire_form(upstream: tuple[JobServer, type[_Handler]]) -> None:
    client, handler = upstream
    flags = Flags({Flag.PAUSED: ("true", "2026-11-24T00:00:00Z")})
    handler.answer = (200, {"ETag": '"7"'}, b'{"results": []}')
    assert client.requests(None, flags) == Listing([], '"7"')
    handler.answer = (304, {}, b"")
    assert client.requests('"7"', flags) == Listing(None, '"7"')
    first, second = handler.seen
    assert first[0] == "/api/v2/job-requests/?backend=hospital"
    assert first[1]["Authorization"] == "f" * 40
    sent = json.loads(first[1]["Flags"])
    assert sent.pop("images")["v"].split() == sorted(DOCKER_IMAGES)
    assert sent == {"paused": {"v": "true", "ts": "2026-11-24T00:00:00Z"}}
    assert second[0].endswith("?backend=hospital&wait=50")
    assert second[1]["If-None-Match"] == '"7"'
    handler.answer = (200, {}, b'{"status": "success"}')
    client.post([{"identifier": "x"}], Flags(), partial=True)
    assert handler.seen[-1][0] == "/api/v2/jobs/?partial=1"
    client.post([{"identifier": "x"}], Flags(), partial=False)
    assert handler.seen[-1][0] == "/api/v2/jobs/"
    assert json.loads(handler.seen[-1][2]) == [{"identifier": "x"}]


@pytest.mark.parametrize(
    "answer",
    [
        (403, {}, b'{"detail": "no"}'),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (200, {}, b"<html>"),
        (200, {}, b'{"results": 1}'),
        (500, {}, b""),
    ],
)
def test_strange_answers_are_faults_of_the_server(
    upstream: tuple[JobServer, type[_Handler]], answer: tuple[int, dict[str, str], bytes]
) -> None:
    client, handler = upstream
    handler.answer = answer
    with pytest.raises(ServerError):
        client.requests(None, Flags())
    assert len(handler.seen) == 1


def test_a_server_that_is_away_is_a_fault(tmp_path: Path) -> None:
    known = replace(settings(tmp_path), job_server_endpoint="http://127.0.0.1:9/api/v2")
    with pytest.raises(ServerError, match="not reached"):
        JobServer(known, "test").requests(None, Flags())
