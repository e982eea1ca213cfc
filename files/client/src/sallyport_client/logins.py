"""Where a person is logged in: server and name in a file, the token in the machine's keyring.

Without a keyring, as on most servers, the token is in the file too, which only its owner reads.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keyring
from keyring.errors import KeyringError

from sallyport_common.errors import SallyportError
from sallyport_common.paths import write_atomic
from sallyport_common.settings import Secret

SERVICE = "sallyport"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A server and a person there; without `ca_file` the system's authorities are trusted."""

    server: str
    user: str
    token: Secret
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """What the token is called in a keyring."""
        return f"{self.user}@{self.server}"


def place(environment: Mapping[str, str]) -> Path:
    """Return the file, by the XDG Base Directory Specification."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "~")) / ".config"
    return Path(home).expanduser() / "sallyport" / "login.json"


def keep(login: Login, environment: Mapping[str, str]) -> bool:
    """Keep a log-in in the place of any other; return whether the token is in a keyring."""
    path, token = place(environment), login.token.reveal()
    in_keyring = _put(login.name, token)
    kept = {
        "server": login.server,
        "user": login.user,
        "ca_file": str(login.ca_file or ""),
        "token": "" if in_keyring else token,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(path, json.dumps(kept).encode(), 0o600)
    return in_keyring


def read(environment: Mapping[str, str]) -> Login | None:
    """Return the log-in that is kept; raise SallyportError for a file that is not one."""
    path = place(environment)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        server, user, token = (str(kept[name]) for name in ("server", "user", "token"))
        ca_file = Path(kept["ca_file"]) if kept["ca_file"] else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise SallyportError(f"{path} cannot be read; log in again") from None
    made = Login(server=server, user=user, token=Secret(token), ca_file=ca_file)
    if token:
        return made
    found = _get(made.name)
    return Login(server=server, user=user, token=Secret(found), ca_file=ca_file) if found else None


def forget(environment: Mapping[str, str]) -> Login | None:
    """Drop the log-in that is kept and return it."""
    login = read(environment)
    if login:
        with contextlib.suppress(KeyringError, RuntimeError):
            keyring.delete_password(SERVICE, login.name)
    place(environment).unlink(missing_ok=True)
    return login


def _put(name: str, token: str) -> bool:
    try:
        keyring.set_password(SERVICE, name, token)
    except (KeyringError, RuntimeError):
        return False
    return _get(name) == token  # some keyrings keep nothing


def _get(name: str) -> str:
    try:
        return keyring.get_password(SERVICE, name) or ""
    except (KeyringError, RuntimeError):
        return ""
