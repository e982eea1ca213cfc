"""Settings of the release hatch, read once at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.errors import SettingsError
from sallyport_common.settings import Secret, load
from sallyport_disclosure.policy import Policy

PREFIX = "RELEASE_HATCH_"
SHORTEST_KEY = 28
"""With the salt of five bytes a signing key must exceed 32 bytes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the release hatch can be told from outside."""

    url: str
    backend: str
    database_url: str
    workspaces: Path
    frozen_files: Path
    approved_files: Path
    outbox_socket: str
    publisher_uid: int
    job_server_url: str
    job_server_token: Secret
    ca_file: Path | None
    signing_key: Secret
    secret_key: Secret
    cors_origin: str | None
    session_lifetime: int
    session_idle: int
    authorise_interval: int
    authorise_grace: int
    upload_wait: float
    output_policy: Policy

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read RELEASE_HATCH_*; raise SettingsError naming every problem at once."""
        settings = load(cls, PREFIX, environment)
        problems = [
            f"{PREFIX}{name}_FILE holds a key shorter than {SHORTEST_KEY} characters"
            for name, key in (
                ("SIGNING_KEY", settings.signing_key),
                ("SECRET_KEY", settings.secret_key),
            )
            if len(key.reveal().encode()) < SHORTEST_KEY
        ]
        if problems:
            raise SettingsError(problems)
        return settings

    def check_folders(self) -> None:
        """Raise SettingsError unless the folders of others are there and open to this account."""
        folders = {"WORKSPACES": self.workspaces, "APPROVED_FILES": self.approved_files}
        problems = [
            f"{PREFIX}{name} is {path}, which is not a folder that can be read"
            for name, path in folders.items()
            if not os.access(path, os.R_OK | os.X_OK)
        ]
        if problems:
            raise SettingsError(problems)
