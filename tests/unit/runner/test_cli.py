"""The command: every verb explains itself, talks to the daemon, and fails in one sentence."""

from __future__ import annotations

import argparse
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.runner.made import environment

from sallyport_common.errors import EX_CONFIG, run_cli
from sallyport_records import keys
from sallyport_runner import cli


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return every verb's own parser."""
    (found,) = [a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found.choices)


def test_every_verb_and_every_option_has_a_help_text() -> None:
    parsers = commands()
    assert set(parsers) == {
        "daemon", "check-config", "status", "jobs", "pause", "unpause", "kill", "db-maintenance",
        "drain", "leftovers", "self-test", "prepare-reboot",
        "archive", "restore", "archives", "retention",
    }  # fmt: skip
    for name, parser in {"": cli._parser(), **parsers}.items():
        assert parser.description, name
        for action in parser._actions:
            silent = isinstance(action, argparse._SubParsersAction)
            assert silent or action.help, (name, action.dest)
    (verbs,) = [a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    assert all(choice.help for choice in verbs._choices_actions)


@pytest.mark.parametrize("verb", ["", *sorted(commands())])
def test_help_is_printed(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*verb.split(), "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: sallyport-runner {verb}".rstrip())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "required: command"),
        (["start"], "invalid choice: 'start'"),
        (["kill"], "required: job"),
        (["db-maintenance"], "required: state"),
        (["db-maintenance", "maybe"], "invalid choice: 'maybe'"),
        (["status", "now"], "unrecognized arguments: now"),
    ],
)
def test_wrong_words_are_said(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert part in capsys.readouterr().err


class Raw:
    """Something on a unix socket that says the same bytes to everybody, and keeps the question."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.path, self.question = path, b""
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _address = self._listening.accept()
        with connection:
            self.question = connection.recv(4096)
            connection.sendall(self._answer)

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()


def answer(status: str, body: str) -> bytes:
    """Return an HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture
def raw(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Raw]:
    """Give a socket with the answer of the test's parameter."""
    made = Raw(tmp_path / "raw.sock", request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (answer("404 NOT FOUND", '{"detail": "No active job has it."}'), "No active job has it."),
        (answer("500 X", "{}"), "The runner answered 500."),
        (answer("200 OK", "<html>"), "What answers on {path} is not the runner."),
        (answer("200 OK", "\xff"), "What answers on {path} is not the runner."),
        (b"SSH-2.0-x\r\n", "What answers on {path} is not the runner."),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
            "What answers on {path} is not the runner.",
        ),
    ],
    indirect=["raw"],
)
def test_strange_answers_are_one_sentence(
    raw: Raw, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(cli.main, ["--socket", str(raw.path), "status"]) == 1
    assert capsys.readouterr().err == f"error: {sentence.format(path=raw.path)}\n"


def test_nobody_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.sock"
    assert run_cli(cli.main, ["--socket", str(path), "jobs"]) == 1
    sentence = f"error: The runner does not answer on {path}: No such file or directory.\n"
    assert capsys.readouterr().err == sentence


def test_a_silent_daemon_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "TIMEOUT", 0.05)
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        assert run_cli(cli.main, ["--socket", str(path), "pause"]) == 1
    assert capsys.readouterr().err.endswith(f"does not answer on {path}: timed out.\n")


@pytest.mark.parametrize("raw", [answer("200 OK", "{}")], indirect=True)
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["status"], b"GET /status "),
        (["pause"], b"POST /pause "),
        (["unpause"], b"POST /unpause "),
        (["db-maintenance", "off"], b"POST /db-maintenance/off "),
        (["kill", "abc"], b"POST /jobs/abc/kill "),
        (["kill", "a b"], b"POST /jobs/a%20b/kill "),
        (["kill", "../pause?x#y"], b"POST /jobs/..%2Fpause%3Fx%23y/kill "),
        (["kill", "é\r\nX: y"], b"POST /jobs/%C3%A9%0D%0AX%3A%20y/kill "),
    ],
)
def test_what_a_verb_asks(raw: Raw, words: list[str], line: bytes) -> None:
    assert cli.main(["--socket", str(raw.path), *words]) == 0
    assert raw.question.startswith(line)


def test_a_good_configuration_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted = tmp_path / "keys.pem"
    trusted.write_bytes(keys.generate()[1])
    for name, value in environment(tmp_path, RUNNER_TRUSTED_KEYS=str(trusted)).items():
        monkeypatch.setenv(name, value)
    assert run_cli(cli.main, ["check-config"]) == 0
    taken = "job requests of the classic job API"
    assert capsys.readouterr().out == f"configuration: good; the runner takes {taken}\n"
    trusted.write_text("no key\n")
    assert run_cli(cli.main, ["check-config"]) == EX_CONFIG
    assert capsys.readouterr().err.startswith("configuration: RUNNER_TRUSTED_KEYS: ")
