"""The service as it is run: gunicorn on two handed-over sockets, and the command beside it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.unit.release_hatch.doubles import SIGNING_KEY, TOKEN

from sallyport_common.errors import SettingsError
from sallyport_common.settings import environment_names
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.cli import main
from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.settings import PREFIX, Settings

pytestmark = pytest.mark.live

LAUNCHER = """
import os, sys
for target, source in enumerate(map(int, sys.argv[1:3]), 3):
    os.dup2(source, target)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--worker-class=gthread",
    "--threads=2", "--no-control-socket", "sallyport_release_hatch.wsgi:application"])
"""


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Return the service's environment."""
    secrets = {"JOB_SERVER_TOKEN": TOKEN, "SIGNING_KEY": SIGNING_KEY, "SECRET_KEY": "k" * 40}
    for name, value in secrets.items():
        (tmp_path / name).write_text(value)
    values = {f"{name}_FILE": str(tmp_path / name) for name in secrets}
    for field, value in vars(settings).items():
        if field.upper() not in secrets:
            text = json.dumps(asdict(value)) if isinstance(value, Policy) else str(value)
            values[field.upper()] = "" if value is None else text
    return {f"{PREFIX}{name}": value for name, value in values.items()}


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, url: str) -> int:
    """Return the status of one call."""
    connection = Unix(path)
    try:
        connection.request(method, url, headers={"Content-Length": "0"})
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[tuple[Path, Path]]:
    """Run gunicorn on two sockets."""
    paths = folder / "http.sock", folder / "outbox.sock"
    listeners = [socket.socket(socket.AF_UNIX) for _ in paths]
    for listener, path in zip(listeners, paths, strict=True):
        listener.bind(str(path))
        listener.listen()
    numbers = [listener.fileno() for listener in listeners]
    command = [sys.executable, "-c", LAUNCHER, *map(str, numbers)]
    process = subprocess.Popen(command, env=os.environ | environment, pass_fds=numbers)
    try:
        yield paths
    finally:
        process.terminate()
        process.wait(10)
        for listener in listeners:
            listener.close()


def test_each_socket_has_its_own_application(
    environment: dict[str, str], approved: str, hatch: Hatch, tmp_path: Path
) -> None:
    own = {f"{PREFIX}PUBLISHER_UID": str(os.getuid())}
    report = f"/requests/{approved}/failed"
    with serving(tmp_path, environment | own) as (pages, outbox):
        assert ask(pages, "GET", "/healthz") == 200
        assert ask(outbox, "GET", "/healthz") == 404
        assert ask(outbox, "POST", report) == 200
        assert ask(pages, "POST", report) in (404, 405)
    with hatch.database.read() as transaction:
        assert transaction.requests.get(approved).problem == "no reason given"


def test_the_role_and_the_settings_name_the_same_variables(environment: dict[str, str]) -> None:
    assert set(environment) == environment_names(Settings, PREFIX)
    assert Settings.from_env(environment).url


def test_short_keys_are_refused(environment: dict[str, str], tmp_path: Path) -> None:
    assert Settings.from_env(environment)
    for name in ("SIGNING_KEY", "SECRET_KEY"):
        (tmp_path / name).write_text("short")
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    assert caught.value.problems == (
        "RELEASE_HATCH_SIGNING_KEY_FILE holds a key shorter than 28 characters",
        "RELEASE_HATCH_SECRET_KEY_FILE holds a key shorter than 28 characters",
    )


def test_missing_folders_are_all_named(settings: Settings, tmp_path: Path) -> None:
    settings.check_folders()
    gone = replace(settings, workspaces=tmp_path / "a", approved_files=tmp_path / "b")
    with pytest.raises(SettingsError) as caught:
        gone.check_folders()
    assert caught.value.problems == (
        f"RELEASE_HATCH_WORKSPACES is {tmp_path}/a, which is not a folder that can be read",
        f"RELEASE_HATCH_APPROVED_FILES is {tmp_path}/b, which is not a folder that can be read",
    )


@pytest.fixture
def command(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs the command and returns its exit code and output."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("os.environ", environment)
        monkeypatch.setattr("sys.argv", ["sallyport-release-hatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return run


@pytest.mark.usefixtures("approved")
def test_the_command_migrates_and_verifies(
    command: Callable[..., tuple[int, str]], hatch: Hatch
) -> None:
    assert command("migrate") == (0, "The database is at the newest revision.\n")
    code, text = command("audit", "verify")
    assert code == 0
    assert text.endswith("rows: intact\n")
    with hatch.database.write() as transaction:
        transaction._connection.exec_driver_sql("UPDATE audit SET actor='eve' WHERE seq=2")
    assert command("audit", "verify") == (1, "2 rows: row 2 was changed\n")


def test_the_command_ends_with_78_on_bad_settings(
    command: Callable[..., tuple[int, str]], environment: dict[str, str]
) -> None:
    assert command("check-config") == (0, "The configuration is complete.\n")
    del environment[f"{PREFIX}URL"]
    assert command("check-config") == (78, "configuration: RELEASE_HATCH_URL is not set\n")
