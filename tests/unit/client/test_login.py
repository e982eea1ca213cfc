"""Logging in: the token is kept where only the person reads it, and no other is kept."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from tests.unit.client.conftest import TOKEN, Server

from sallyport_client import cli
from sallyport_common.errors import SallyportError


class Memory(KeyringBackend):
    """A keyring that keeps what it is given while a test runs."""

    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep."""
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept."""
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        """Forget."""
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Give a keyring that works."""
    before = keyring.get_keyring()
    made = Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def address(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: Memory) -> str:
    """Give a job server for a person who is not logged in."""
    assert memory.kept == {}
    for name in ("SERVER", "USER", "TOKEN_FILE"):
        monkeypatch.delenv(f"SALLYPORT_{name}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return f"http://127.0.0.1:{server.server_port}"


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let this come on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def file_of(tmp_path: Path) -> Path:
    """Return the file of the log-in."""
    return tmp_path / "config/sallyport/login.json"


def test_a_token_is_kept_in_the_keyring_and_used_afterwards(
    address: str,
    memory: Memory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["whoami"]) == 4
    assert "sallyport login" in capsys.readouterr().err
    give(monkeypatch, f"alice:{TOKEN}\n")
    assert cli.main(["login", f"{address}/"]) == 0
    assert "as alice (Alice). The token is in the keyring" in capsys.readouterr().out
    assert memory.kept == {("sallyport", f"alice@{address}"): TOKEN}
    assert TOKEN not in file_of(tmp_path).read_text()
    assert cli.main(["whoami"]) == 0
    assert capsys.readouterr().out == f"alice (Alice) on {address}\n"
    assert cli.main(["logout"]) == 0
    assert f"{address}/settings/#tokens" in capsys.readouterr().out
    assert memory.kept == {}
    assert not file_of(tmp_path).exists()
    assert cli.main(["whoami"]) == 4
    assert cli.main(["logout"]) == 0
    assert "You were not logged in." in capsys.readouterr().out


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_without_a_keyring_the_token_is_in_a_file_of_the_person(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    backend: type[KeyringBackend],
) -> None:
    keyring.set_keyring(backend())
    give(monkeypatch, f"alice:{TOKEN}")
    assert cli.main(["login", address]) == 0
    assert str(file_of(tmp_path)) in capsys.readouterr().out
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(tmp_path).parent.stat().st_mode) == 0o700
    assert cli.main(["whoami"]) == 0
    assert cli.main(["logout"]) == 0
    assert not file_of(tmp_path).exists()


def test_a_token_that_is_not_taken_is_not_kept(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: Memory
) -> None:
    give(monkeypatch, f"alice:{'b' * 64}")
    assert cli.main(["login", address]) == 4
    give(monkeypatch, TOKEN)
    with pytest.raises(SallyportError, match="looks like NAME:TOKEN"):
        cli.main(["login", address])
    assert memory.kept == {}
    assert not file_of(tmp_path).exists()


@pytest.mark.parametrize("text", ["http://jobs.example.org", "ftp://jobs.example.org", "https://"])
def test_a_token_is_sent_to_no_address_without_tls(
    address: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert address
    give(monkeypatch, f"alice:{TOKEN}")
    with pytest.raises(SallyportError, match=r"looks like https://jobs\.example\.org"):
        cli.main(["login", text])


def test_the_environment_comes_before_the_log_in(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, f"alice:{TOKEN}")
    assert cli.main(["login", address]) == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("b" * 64)
    for name, value in (("SERVER", address), ("USER", "bob"), ("TOKEN_FILE", str(wrong))):
        monkeypatch.setenv(f"SALLYPORT_{name}", value)
    assert cli.main(["whoami"]) == 4
    assert "This access token is not valid." in capsys.readouterr().err


def test_a_file_that_is_no_log_in_says_what_to_do(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, f"alice:{TOKEN}")
    assert cli.main(["login", address]) == 0
    file_of(tmp_path).write_text("{")
    with pytest.raises(SallyportError, match="log in again"):
        cli.main(["whoami"])


def test_a_token_is_sent_to_no_address_that_is_not_a_job_server(
    address: str, server: Server, monkeypatch: pytest.MonkeyPatch, memory: Memory
) -> None:
    give(monkeypatch, f"alice:{TOKEN}")
    with pytest.raises(SallyportError, match="is not a job server"):
        cli.main(["login", f"{address}/releases?"])
    with pytest.raises(SallyportError, match="cannot be reached"):
        cli.main(["login", "http://127.0.0.1:9"])
    assert TOKEN not in str(server.heads)
    assert memory.kept == {}
    assert cli.main(["login", address]) == 0
    assert TOKEN in str(server.heads)


class Terminal(io.StringIO):
    """A standard input at which a person sits."""

    def isatty(self) -> bool:
        """Say so."""
        return True


WAITING = (200, {"username": None, "token": None})
ALLOWED = (200, {"username": "alice", "token": TOKEN})


def test_a_person_at_a_terminal_allows_the_log_in_on_a_page(
    address: str,
    server: Server,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("platform.node", lambda: "laptop")
    server.let_in = [WAITING, (503, {"detail": "later"}), ALLOWED]
    assert cli.main(["login", address]) == 0
    said = capsys.readouterr().out
    assert "Open https://x/device/ in a browser and enter the code BCDF-GHJK" in said
    assert "as alice (Alice)" in said
    assert ("POST", "/api/v1/device-logins", {"label": "sallyport on laptop"}) in server.asked
    assert memory.kept == {("sallyport", f"alice@{address}"): TOKEN}


@pytest.mark.parametrize(("status", "text"), [(403, "was refused"), (404, "has expired")])
def test_a_log_in_that_is_not_allowed_says_so(
    address: str, server: Server, memory: Memory, monkeypatch: pytest.MonkeyPatch, status: int,
    text: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stdin", Terminal())
    server.let_in = [WAITING, (status, {"detail": f"This log-in {text}."})]
    with pytest.raises(SallyportError, match=text):
        cli.main(["login", address])
    assert memory.kept == {}


def test_a_log_in_that_nobody_decides_about_ends(
    address: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sallyport_client.entering.PATIENCE", 0.5)
    server.let_in = [WAITING] * 10_000
    with pytest.raises(SallyportError, match="nobody allowed"):
        cli.main(["login", address])


def test_a_token_is_asked_for_where_somebody_has_one(
    address: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _prompt: f"alice:{TOKEN}")
    assert cli.main(["login", address, "--token"]) == 0
    assert memory.kept == {("sallyport", f"alice@{address}"): TOKEN}
