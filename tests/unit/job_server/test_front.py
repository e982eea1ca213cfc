"""Runners that wait: held without a thread, let go at once, and no burden when they go."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import uvicorn
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import BOTH, TOKENS, Rig

from sallyport_common.tokens import matches
from sallyport_job_server import holds
from sallyport_job_server.buckets import BURST, Buckets
from sallyport_job_server.front import Front
from sallyport_job_server.services.access_tokens import Wish

ENGINES = BOTH
THREADS = 2
"""So few that held requests would stop everybody else if each had one."""
PATH = "/api/v2/job-requests/"


@dataclass
class Site:
    """The job server behind its front, on a port."""

    rig: Rig
    front: Front
    port: int

    def poll(self, wait: float = 20, token: str = "", **headers: str) -> requests.Response:
        """Ask with the present tag."""
        sent = {"Authorization": token or TOKENS["jobs"], "If-None-Match": self.tag} | headers
        url = f"http://127.0.0.1:{self.port}{PATH}?wait={wait}"
        return requests.get(url, headers=sent, timeout=60)

    @property
    def tag(self) -> str:
        """The tag of what is listed now."""
        return f'"{self.rig.services.backends.by_slug("hospital").changes}"'

    def held(self, number: int) -> bool:
        """Wait until so many requests are held; return whether they are."""
        return _soon(lambda: self.front.holds.waiting() == number)


def _soon(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return held


@pytest.fixture
def site(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Serve the job server as gunicorn's worker does."""
    worlds.without_git(rig, monkeypatch)
    front = Front(rig.app, rig.services.watcher, THREADS)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(front, lifespan="on", interface="asgi3", log_config=None)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert _soon(lambda: server.started)
        yield Site(rig, front, listening.getsockname()[1])
        front.end()
        server.should_exit = True
        thread.join()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Run clients beside each other."""
    with ThreadPoolExecutor(80) as made:
        yield made


def test_a_request_is_held_until_time_is_up(site: Site) -> None:
    begin = time.monotonic()
    answer = site.poll(0.5)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == site.tag
    assert "X-Sallyport-Hold" not in answer.headers
    assert 0.5 <= time.monotonic() - begin < 5
    assert site.held(0)


def test_a_request_is_answered_when_something_is_asked_for(
    site: Site, pool: ThreadPoolExecutor
) -> None:
    tag, answer = site.tag, pool.submit(site.poll)
    assert site.held(1)
    identifier = site.rig.submit()
    found = answer.result(10)
    assert found.status_code == 200
    assert found.json()["results"][0]["identifier"] == identifier
    assert found.headers["ETag"] != tag
    assert "X-Sallyport-Hold" not in found.headers


def test_what_a_request_brings_counts_at_once(site: Site, pool: ThreadPoolExecutor) -> None:
    """Flags of a runner that is paused are shown while its request is held."""
    answer = pool.submit(site.poll, 20, Flags='{"paused": {"v": "true"}}')
    backend = site.rig.services.backends
    assert _soon(lambda: backend.by_slug("hospital").flags == {"paused": {"v": "true"}})
    assert answer.result(10).status_code == 200  # flags are a change that others see


def test_a_refusal_is_not_held(site: Site) -> None:
    begin = time.monotonic()
    assert site.poll(20, token="f" * 40).status_code == 403
    assert site.poll(20, Flags="no json").status_code == 400
    assert site.poll(20, **{"If-None-Match": '"999"'}).status_code == 200
    assert time.monotonic() - begin < 5


def test_idle_runners_leave_all_threads_to_others(site: Site, pool: ThreadPoolExecutor) -> None:
    number = holds.CAP
    answers = [pool.submit(site.poll) for _ in range(number)]
    assert site.held(number)
    begin = time.monotonic()
    for _ in range(10):
        assert requests.get(f"http://127.0.0.1:{site.port}/healthz", timeout=10).ok
    assert time.monotonic() - begin < 5
    site.rig.submit()
    assert {answer.result(10).status_code for answer in answers} == {200}


def test_a_backend_holds_so_many_and_the_first_gives_way(
    site: Site, pool: ThreadPoolExecutor
) -> None:
    first: Future[requests.Response] = pool.submit(site.poll)
    assert site.held(1)
    others = [pool.submit(site.poll) for _ in range(holds.CAP)]
    assert first.result(10).status_code == 304
    assert site.held(holds.CAP)
    assert not any(other.done() for other in others)
    site.front.holds.end()
    assert {other.result(10).status_code for other in others} == {304}


def test_who_goes_is_noticed(site: Site) -> None:
    request = (
        f"GET {PATH}?wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKENS['jobs']}\r\n"
        f"If-None-Match: {site.tag}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.sendall(request.encode())
        assert site.held(1)
    assert site.held(0)


def test_one_token_cannot_keep_the_server_busy(site: Site, pool: ThreadPoolExecutor) -> None:
    number = int(2 * BURST)
    answers = [pool.submit(site.poll, 0.001) for _ in range(number)]
    codes = [answer.result(30).status_code for answer in answers]
    assert codes.count(429) > number / 10
    assert codes.count(304) >= BURST
    refused = next(one.result() for one in answers if one.result().status_code == 429)
    assert refused.json() == {"detail": "This backend asks too often; wait a second."}
    assert refused.headers["Retry-After"] == "1"
    assert site.poll(0.001, token="f" * 40).status_code == 403, "another caller has its own"


class Events:
    """The events of a job request, as a person's program reads them."""

    def __init__(self, site: Site, identifier: str, who: str = "rita") -> None:
        rig = site.rig
        self.token = rig.services.access_tokens.create(rig.people[who], Wish("t"))
        url = f"http://127.0.0.1:{site.port}/api/v1/job-requests/{identifier}/events"
        header = {"Authorization": f"{who}:{self.token}"}
        self.answer = requests.get(url, headers=header, stream=True, timeout=20)
        self._lines = self.answer.iter_lines()

    def next(self) -> dict[str, Any] | None:
        """Wait for the next event; None at the end."""
        line = next((one for one in self._lines if one.startswith(b"data: ")), None)
        return json.loads(line.removeprefix(b"data: ")) if line else None


def test_events_say_how_a_request_moves_on_until_it_has_ended(site: Site) -> None:
    identifier = site.rig.submit("make")
    events = Events(site, identifier)
    assert events.answer.status_code == 200
    assert events.answer.headers["Content-Type"].startswith("text/event-stream")
    assert events.answer.headers["X-Accel-Buffering"] == "no"
    assert "X-Sallyport-Follow" not in events.answer.headers
    assert (events.next() or {})["status"] == "pending"
    begin = time.monotonic()
    site.rig.report(identifier, "make", "running")
    assert (events.next() or {})["status"] == "running"
    assert time.monotonic() - begin < 5
    site.rig.report(identifier, "make", "succeeded")
    last = events.next() or {}
    assert (last["status"], last["final"], last["jobs"][0]["action"]) == ("succeeded", True, "make")
    assert events.next() is None
    over = Events(site, identifier)
    assert (over.next() or {})["final"]
    assert over.next() is None


def test_events_are_for_who_may_see_the_request_as_long_as_they_may(site: Site) -> None:
    identifier = site.rig.submit("make")
    assert Events(site, identifier, "mallory").answer.status_code == 404
    events, control = Events(site, identifier), Events(site, identifier)
    assert events.next()
    assert control.next()
    tokens = site.rig.services.access_tokens
    [number] = [
        one.id for one in tokens.of(site.rig.people["rita"]) if matches(events.token, one.digest)
    ]
    tokens.revoke(site.rig.people["rita"], number)
    site.rig.report(identifier, "make", "running")
    assert (control.next() or {})["status"] == "running"
    assert events.next() is None


def test_events_of_a_quiet_request_keep_the_connection_open(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sallyport_job_server.front.HEARTBEAT", 0.2)
    monkeypatch.setattr("sallyport_job_server.front.PACE", 0.0)
    events = Events(site, site.rig.submit("make"))
    lines = [next(events._lines) for _ in range(8)]
    assert lines[0].startswith(b"data: ")
    assert lines.count(b": still here") == 3


def test_events_have_limits_and_who_goes_makes_room(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sallyport_job_server.front.MOST_STREAMS", 2)
    identifier = site.rig.submit("make")
    first, second = Events(site, identifier), Events(site, identifier, "cora")
    assert first.next()
    assert second.next()
    refused = Events(site, identifier)
    assert (refused.answer.status_code, "Too many" in refused.answer.text) == (429, True)
    first.answer.close()
    assert _soon(lambda: Events(site, identifier).answer.status_code == 200)


def test_one_caller_has_so_many_streams(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sallyport_job_server.front.MOST_OF_ONE", 0)
    identifier = site.rig.submit("make")
    assert Events(site, identifier).answer.status_code == 429


def test_events_end_when_the_server_stops(site: Site) -> None:
    events = Events(site, site.rig.submit("make"))
    assert events.next()
    site.front.end()
    assert events.next() is None


def test_a_bucket_fills_again_and_strangers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    assert [buckets.take(b"a") for _ in range(int(BURST) + 1)].count(False) == 1
    now[0] += 0.1
    assert [buckets.take(b"a") for _ in range(3)] == [True, True, False]
    monkeypatch.setattr("sallyport_job_server.buckets.MOST", 2)
    for name in (b"b", b"c"):
        assert buckets.take(name)
    assert buckets.take(b"a")
