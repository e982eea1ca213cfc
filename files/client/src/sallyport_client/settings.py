"""Settings of the client, from the environment: SALLYPORT_SERVER, _USER, _TOKEN_FILE, _CA_FILE.

SALLYPORT_REGISTRY, _SITE, _ACTION_ORGANISATION and _ACTION_FOLDER are for local runs, which need no
server and read them themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.settings import Secret, load

PREFIX = "SALLYPORT_"


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
