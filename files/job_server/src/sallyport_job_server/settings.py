"""Settings of the job server, read once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.settings import Secret, load
from sallyport_job_server.providers import Provider
from sallyport_job_server.relays import MailServer
from sallyport_study.reusable import Home

PREFIX = "JOB_SERVER_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the job server can be told from outside; lifetimes and limits in seconds.

    `threads` is the number of requests that a process works on at the same time; who has one of
    `second_factor_roles` must have one-time codes.
    """

    url: str
    database_url: str
    database_password: Secret | None
    secret_key: Secret
    signing_key: Secret
    hatch_signing_key: Secret
    release_storage: Path
    releases_redirect: str | None
    forges: dict[str, str]
    allowed_organisations: tuple[str, ...]
    action_organisation: Home | None
    git_credentials: dict[str, str] | None
    ca_file: Path
    git_timeout: int
    threads: int
    session_lifetime: int
    session_idle: int
    request_lifetime: int
    login_token_lifetime: int
    second_factor_roles: tuple[str, ...]
    mail_server: MailServer | None
    mail_password: Secret | None
    mail_sender: str | None
    webhooks: Secret | None
    oidc: Provider | None
    oidc_client_secret: Secret | None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read JOB_SERVER_*; raise SettingsError naming every problem at once."""
        return load(cls, PREFIX, environment)
