"""Settings of the output publisher, read once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.errors import SettingsError
from sallyport_common.settings import Secret, load
from sallyport_disclosure.policy import Policy

PREFIX = "OUTPUT_PUBLISHER_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the publisher can be told from outside; where it publishes to is among it."""

    backend: str
    approved_files: Path
    outbox_socket: Path
    state_folder: Path
    job_server_url: str
    job_server_token: Secret
    ca_file: Path | None
    retry_seconds: int
    output_policy: Policy

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read OUTPUT_PUBLISHER_*; raise SettingsError naming every problem at once."""
        settings = load(cls, PREFIX, environment)
        problems = [
            f"{PREFIX}{name} is {path}, which is not a folder"
            for name, path in (
                ("APPROVED_FILES", settings.approved_files),
                ("STATE_FOLDER", settings.state_folder),
            )
            if not path.is_dir()
        ]
        if problems:
            raise SettingsError(problems)
        return settings
