"""Settings of the client, from the environment: SALLYPORT_SERVER, _USER, _TOKEN_FILE, _CA_FILE.

Without the first three it is what `sallyport login` has kept. SALLYPORT_REGISTRY, _SITE,
_ACTION_ORGANISATION and _ACTION_FOLDER are for local runs, which need no server and read them
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_client import logins
from sallyport_client.logins import Login
from sallyport_common.errors import SallyportError
from sallyport_common.settings import Secret, load

PREFIX = "SALLYPORT_"
WHO = ("SERVER", "USER", "TOKEN_FILE")


class NotLoggedInError(SallyportError):
    """There is no access token, or the job server does not take it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which server, which person; without `ca_file` the system's authorities are trusted."""

    server: str
    user: str
    token: Secret
    ca_file: Path | None
    registry: str | None
    site: str | None
    action_organisation: str | None
    action_folder: str | None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read SALLYPORT_*; raise SettingsError naming every problem at once."""
        return load(cls, PREFIX, environment)


def who(environment: Mapping[str, str]) -> Login:
    """Return who asks which server; raise SettingsError or NotLoggedInError."""
    if any(environment.get(f"{PREFIX}{name}") for name in WHO):
        given = Settings.from_env(environment)
        return Login(server=given.server, user=given.user, token=given.token, ca_file=given.ca_file)
    login = logins.read(environment)
    if login is None:
        raise NotLoggedInError("you are not logged in; run: sallyport login <job server>")
    return login
