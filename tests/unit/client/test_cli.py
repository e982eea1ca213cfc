"""The client's commands: what each sends, prints and ends with."""

from __future__ import annotations

import json
import subprocess
import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import shtab
from tests.unit.client.conftest import TABLE, Server

from sallyport_client import api, cli
from sallyport_client.api import ServerError
from sallyport_client.settings import who
from sallyport_common.errors import SallyportError, SettingsError
from sallyport_common.settings import Secret


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
    server.states = ["running"]
    with pytest.raises(ServerError, match=r"^The token is not valid\.$"):
        cli.main(["cancel", "abc"])
    server.detail = "line 1, column 1: one\nline 2, column 1: two"
    with pytest.raises(ServerError) as caught:
        cli.main(["cancel", "abc"])
    assert str(caught.value) == server.detail
    monkeypatch.setenv("SALLYPORT_USER", "alice")
    server.states = ["running"]
    assert cli.main(["cancel", "abc", "describe"]) == 0
    assert server.asked[-1] == (
        "POST",
        "/api/v1/job-requests/abc/cancel",
        {"actions": ["describe"]},
    )


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


@pytest.mark.usefixtures("server")
def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER", "USER"):
        monkeypatch.delenv(f"SALLYPORT_{name}")
    with pytest.raises(SettingsError, match="SALLYPORT_SERVER is not set; SALLYPORT_USER"):
        cli.main(["status", "abc"])


AWAY = {
    "http://127.0.0.1:9": "127.0.0.1:9 cannot be reached: check its address and your network",
    "jobs.example.org": "it must be an address such as https://jobs.example.org",
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
    known = who({
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


def test_a_submission_that_may_have_arrived_is_sent_again_under_its_key(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.busy = [503, 502]
    assert cli.main(["submit", "ws", "describe", "--backend", "hospital"]) == 0
    assert cli.main(["submit", "ws", "describe", "--backend", "hospital"]) == 0
    assert len(server.keys) == 4
    assert len(set(server.keys[:3])) == 1
    assert len(set(server.keys)) == 2
    assert capsys.readouterr().out == "abc\nabc\n"
    server.busy = [503] * 9
    with pytest.raises(ServerError, match="answered 503"):
        cli.main(["submit", "ws", "describe", "--backend", "hospital"])
    assert len(set(server.keys)) == 3


def test_run_waits_and_takes_the_only_backend(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.states, server.backends = ["running", "failed"], ["foreign", "hospital"]
    assert cli.main(["run", "ws", "describe", "--note", "why"]) == 3
    asked = next(body for method, _path, body in server.asked if method == "POST")
    assert (asked["backend"], asked["note"], "branch" in asked) == ("hospital", "why", False)
    assert capsys.readouterr().out.startswith("abc\nabc  failed  c0ffee\n")
    assert cli.main(["run", "ws", "describe", "--no-watch"]) == 0
    for names, said in (
        (["foreign"], "you do not have access to a backend yet"),
        (["a", "b"], "--backend: a, b"),
    ):
        server.backends = names
        with pytest.raises(SallyportError, match=said):
            cli.main(["run", "ws", "describe"])


def test_what_is_printed_as_json_is_json_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    for words in (
        ["run", "ws", "describe", "--json"], ["submit", "ws", "describe", "--json"],
        ["view", "abc", "--json"], ["watch", "abc", "--json"], ["list", "--json"],
        ["workspaces", "--json"], ["backends", "--json"], ["releases", "ws", "--json"],
        ["whoami", "--json"],
    ):  # fmt: skip
        server.states = ["running", "succeeded"]
        assert cli.main(words) == 0
        assert json.loads(capsys.readouterr().out)
    server.states = ["running"]
    assert cli.main(["cancel", "abc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identifier"] == "abc"


def test_a_list_is_read_page_by_page_up_to_the_limit(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for limit, expected in ((5, 5), (120, 120), (500, 130)):
        assert cli.main(["list", "--limit", str(limit)]) == 0
        assert len(capsys.readouterr().out.splitlines()) == expected
    assert cli.main(["list", "--mine", "--state", "open", "--limit", "1"]) == 0
    line = capsys.readouterr().out.rstrip("\n").split("\t")
    assert line[:6] == ["r0", "failed", "ws", "a, b, c and 1 more", "hospital", "alice"]
    query = dict(parse_qsl(urlsplit(server.asked[-1][1]).query))
    assert query == {"state": "open", "person": "alice", "limit": "1"}
    for wrong in (["list", "--limit", "0"], ["list", "--state", "lost"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(wrong)
        assert caught.value.code == 2


def test_a_log_has_a_line_for_each_change_while_jobs_run(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.states = ["pending", "running", "running", "running", "succeeded"]
    assert cli.main(["watch", "abc"]) == 0
    lines = [line.partition("  ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["1 pending", "1 running", "1 succeeded"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("name", "hint"), [("emptx", "; did you mean 'empty'?"), ("zzzz", "")])
def test_a_misspelt_workspace_is_told_from_an_empty_one(
    capsys: pytest.CaptureFixture[str], name: str, hint: str
) -> None:
    with pytest.raises(SallyportError) as error:
        cli.main(["list", "--workspace", name])
    assert str(error.value) == f"there is no workspace '{name}' that you may see{hint}"
    assert cli.main(["list", "--workspace", "empty"]) == 0
    assert capsys.readouterr().err.strip() == "Nothing found."


def test_cancelling_what_has_ended_says_so(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.states = ["succeeded"]
    assert cli.main(["cancel", "abc"]) == 0
    assert "has ended already" in capsys.readouterr().err
    assert [method for method, _path, _body in server.asked] == ["GET"]
    server.states = ["running"]
    assert cli.main(["cancel", "abc"]) == 0
    assert capsys.readouterr().out == "Being cancelled: describe.\n"


@pytest.mark.usefixtures("server")
def test_view_opens_the_page_and_prints_its_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(api.JobServer, "job_request", lambda *_words: {"url": "https://x/y/"})
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert cli.main(["view", "abc", "--web"]) == 0
    assert opened == ["https://x/y/"]
    assert capsys.readouterr().out == "https://x/y/\n"


def test_words_alone_show_the_help_and_every_shell_can_complete_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert "exit codes:" in text
    for shell in shtab.SUPPORTED_SHELLS:
        assert cli.main(["completion", shell]) == 0
        assert "workspaces" in capsys.readouterr().out


def test_nothing_released_says_so(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.released = False
    assert cli.main(["download", "ws", "--into", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "Nothing was released from ws yet.\n"
    assert list(tmp_path.rglob("*.csv")) == []
