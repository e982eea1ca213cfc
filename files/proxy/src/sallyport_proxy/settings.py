"""Settings of the proxy, read once at start. What may pass is not here but in the policy file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.settings import load

PREFIX = "PROXY_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the service can be told from outside; seconds and bytes throughout."""

    policy: Path
    policy_interval: int
    secrets_directory: Path
    state_directory: Path
    cache_directory: Path
    cache_bytes: int
    ca_file: Path
    git_timeout: int
    upstream_timeout: int
    transfer_timeout: int
    tag_lifetime: int
    log_rows: int
    log_files: int

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read PROXY_*; raise SettingsError naming every problem at once."""
        return load(cls, PREFIX, environment)
