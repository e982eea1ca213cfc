"""The client against a small server on loopback that speaks `/api/v1`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from sallyport_client import api, cli
from sallyport_client.api import ServerError
from sallyport_client.settings import Settings
from sallyport_common.errors import SettingsError
from sallyport_common.settings import Secret

TABLE = b"age,count\n50,10\n"
TOKEN = "a" * 64


class Server(ThreadingHTTPServer):
    """Remembers what it was asked and answers from a table of states."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.states = ["running", "succeeded"]
        self.digest = hashlib.sha256(TABLE).hexdigest()
        self.name = "output/table.csv"
        self.warnings: list[str] = []
        self.detail = "The token is not valid."
        self.problem = ""
        self.sha = "c0ffee"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def log_message(self, *_words: object) -> None:
        """Stay silent."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Take a job request, or a cancellation."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(("POST", self.path, body))
        if self.headers["Authorization"] != f"alice:{TOKEN}":
            self._answer(403, json.dumps({"detail": self.server.detail}).encode())
        else:
            answer = {"identifier": "abc", "sha": self.server.sha, "warnings": self.server.warnings}
            self._answer(201, json.dumps(answer).encode())

    def do_GET(self) -> None:
        """Show a job request, a list of releases, a file."""
        self.server.asked.append(("GET", self.path, None))
        if self.path.startswith("/api/v2/releases/file/"):
            self._answer(200, TABLE)
        elif self.path.endswith("/releases"):
            file = {"id": "f1", "name": self.server.name, "sha256": self.server.digest}
            self._answer(200, json.dumps([{"id": "R1", "files": [file]}]).encode())
        else:
            states = self.server.states
            state = states.pop(0) if len(states) > 1 else states[0]
            job = {"action": "describe", "status": state, "status_message": "as expected"}
            final = state not in {"pending", "running"}
            body: dict[str, Any] = {"identifier": "abc", "status": state, "sha": "c0ffee"}
            jobs = [] if self.server.problem else [job]
            body |= {"jobs": jobs, "final": final, "problem": self.server.problem}
            self._answer(200, json.dumps(body).encode())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server, and the environment that points at it."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        token = tmp_path / "token"
        token.write_text(f"{TOKEN}\n", encoding="utf-8")
        monkeypatch.setenv("SALLYPORT_SERVER", f"http://127.0.0.1:{made.server_port}")
        monkeypatch.setenv("SALLYPORT_USER", "alice")
        monkeypatch.setenv("SALLYPORT_TOKEN_FILE", str(token))
        yield made
        made.shutdown()
        thread.join()


def test_submit_prints_the_identifier(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REGISTRY", "SITE", "ACTION_ORGANISATION", "ACTION_FOLDER"):
        monkeypatch.setenv(f"SALLYPORT_{name}", "of local runs")
    assert cli.main(["submit", "ws", "describe", "--backend", "hospital"]) == 0
    assert capsys.readouterr().out == "abc\n"
    expected = {
        "workspace": "ws",
        "backend": "hospital",
        "requested_actions": ["describe"],
        "force_run_dependencies": False,
    }
    assert server.asked == [("POST", "/api/v1/job-requests", expected)]


def test_submit_says_that_another_commit_runs_than_the_one_of_the_folder(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def submitted() -> str:
        assert cli.main(["submit", "ws", "describe", "--backend", "hospital"]) == 0
        return capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "pushed")
    server.sha = git("rev-parse", "HEAD")
    assert submitted() == ""
    git("commit", "-q", "--allow-empty", "-m", "not pushed")
    head = git("rev-parse", "HEAD")
    assert submitted() == (
        f"warning: commit {server.sha[:10]} runs, not {head[:10]} of this folder; push that one to "
        "run it\n"
    )
    server.sha = "a" * 40  # of another repository, or pushed by somebody else
    assert submitted() == ""
    monkeypatch.setenv("PATH", "")
    assert submitted() == ""


def test_submit_prints_warnings_beside_the_identifier(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.warnings = ["line 1, column 10: This project uses version 4; the latest is 5."]
    assert cli.main(["submit", "ws", "describe", "--backend", "hospital"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "abc\n"
    assert printed.err == f"warning: project.yaml, {server.warnings[0]}\n"


def test_a_wrong_token_is_refused_with_the_servers_sentence(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALLYPORT_USER", "bob")
    with pytest.raises(ServerError, match=r"answered 403: The token is not valid\."):
        cli.main(["cancel", "abc"])
    server.detail = "line 1, column 1: one\nline 2, column 1: two"
    with pytest.raises(ServerError) as caught:
        cli.main(["cancel", "abc"])
    assert str(caught.value).splitlines()[1:] == server.detail.splitlines()
    monkeypatch.setenv("SALLYPORT_USER", "alice")
    assert cli.main(["cancel", "abc", "describe"]) == 0
    assert server.asked[-1] == (
        "POST",
        "/api/v1/job-requests/abc/cancel",
        {"actions": ["describe"]},
    )


@pytest.mark.parametrize(("end", "code"), [("succeeded", 0), ("failed", 3), ("cancelled", 3)])
def test_watch_waits_for_the_end_and_says_how_it_was(
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    code: int,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.states = ["pending", "running", end]
    assert cli.main(["watch", "abc"]) == code
    assert f"describe  {end}  as expected" in capsys.readouterr().out
    assert len(server.asked) == 3


@pytest.mark.usefixtures("server")
def test_download_writes_what_was_released(tmp_path: Path) -> None:
    assert cli.main(["download", "ws", "--into", str(tmp_path)]) == 0
    assert (tmp_path / "R1/output/table.csv").read_bytes() == TABLE


def test_download_keeps_nothing_whose_digest_differs(server: Server, tmp_path: Path) -> None:
    server.digest = "0" * 64
    with pytest.raises(ServerError, match="digest differs"):
        cli.main(["download", "ws", "--into", str(tmp_path)])
    assert not list(tmp_path.rglob("*.csv"))


def test_download_refuses_a_name_that_climbs(server: Server, tmp_path: Path) -> None:
    server.name = "../table.csv"
    with pytest.raises(Exception, match=r"without '\.', '\.\.'"):
        cli.main(["download", "ws", "--into", str(tmp_path / "inside")])
    assert not list(tmp_path.rglob("*.csv"))


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER", "USER", "TOKEN_FILE"):
        monkeypatch.delenv(f"SALLYPORT_{name}", raising=False)
    with pytest.raises(SettingsError, match="SALLYPORT_SERVER is not set; SALLYPORT_USER"):
        cli.main(["status", "abc"])


AWAY = {
    "http://127.0.0.1:9": "127.0.0.1:9 cannot be reached: check SALLYPORT_SERVER and your network",
    "jobs.example.org": "SALLYPORT_SERVER must be an address such as https://jobs.example.org",
}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("address", AWAY)
def test_a_server_that_is_away_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert cli.main(["status", "abc"]) == 0
    monkeypatch.setenv("SALLYPORT_SERVER", address)
    with pytest.raises(ServerError, match=AWAY[address]) as caught:
        cli.main(["status", "abc"])
    assert "Error" not in str(caught.value)
    assert "Schema" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.SSLError, "is not trusted on this machine.*SALLYPORT_CA_FILE"),
        (requests.exceptions.ReadTimeout, "did not answer in time"),
        (requests.exceptions.ConnectTimeout, "did not answer in time"),
    ],
)
@pytest.mark.usefixtures("server")
def test_each_way_to_be_away_has_advice(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], said: str
) -> None:
    def refused(*_words: object, **_options: object) -> None:
        raise error("of the library")

    monkeypatch.setattr(requests.Session, "request", refused)
    with pytest.raises(ServerError, match=said) as caught:
        cli.main(["status", "abc"])
    assert "library" not in str(caught.value)


def test_the_machines_authorities_and_both_forms_of_a_token_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.crt"
    monkeypatch.setattr(api, "SYSTEM", (tmp_path / "none.crt", bundle))
    assert api.system_authorities() is None
    bundle.write_text("", encoding="utf-8")
    known = Settings.from_env({
        "SALLYPORT_SERVER": "https://jobs.example.org", "SALLYPORT_USER": "ada",
        "SALLYPORT_TOKEN_FILE": str(secret(tmp_path)),
    })  # fmt: skip
    assert api.JobServer(known)._session.verify == str(bundle)
    shown = replace(known, token=Secret(f"ada:{'f' * 40}"))
    for one in (known, shown):
        assert api.JobServer(one)._session.headers["Authorization"] == f"ada:{'f' * 40}"
    given = replace(known, ca_file=tmp_path / "own.crt")
    assert api.JobServer(given)._session.verify == str(tmp_path / "own.crt")


def secret(folder: Path) -> Path:
    """Return a file with a token."""
    path = folder / "token"
    path.write_text("f" * 40, encoding="utf-8")
    return path


@pytest.mark.parametrize("problem", ["", "The first.\nThe second."])
def test_why_a_request_could_not_be_run_is_printed(
    server: Server, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    server.states, server.problem = ["failed"], problem
    assert cli.main(["watch", "abc"]) == 3
    printed = capsys.readouterr().out.splitlines()
    said = ["  This request could not be run:", "    The first.", "    The second."]
    assert printed[1:] == (said if problem else ["  describe  failed  as expected"])
