"""The policy: what may pass, as checked data. Matching only; reading it is services.policy_file."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def matches(pattern: str, text: str) -> bool:
    """Compare a whole text with an exact name or a glob; `*` never stands for a slash."""
    expression = "[^/]*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(expression, text) is not None


@dataclass(frozen=True)
class GitRule:
    """Repositories of one organisation on every declared forge; as there, case is ignored."""

    org: str
    repo: str
    clients: tuple[str, ...] = ()

    def holds_org(self, org: str) -> bool:
        """Return whether the organisation is this rule's."""
        return matches(self.org.lower(), org.lower())

    def holds(self, org: str, repo: str) -> bool:
        """Return whether organisation and repository are this rule's."""
        return self.holds_org(org) and matches(self.repo.lower(), repo.lower())

    def spelling(self, org: str, repo: str) -> tuple[str, str]:
        """Return both names as the rule spells them; a glob keeps the client's, in lower case."""
        return (
            org.lower() if "*" in self.org else self.org,
            repo.lower() if "*" in self.repo else self.repo,
        )


@dataclass(frozen=True)
class GitPolicy:
    """Git: forges by public host with their upstreams, who may fetch what, and credentials.

    Keys of `credentials` are `FORGE` or `FORGE/ORGANISATION`, values the names of secret files.
    """

    host: str
    forges: Mapping[str, str]
    allow: tuple[GitRule, ...]
    credentials: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageRule:
    """Image names, and whether they may be asked for by tag or by digest only."""

    name: str
    digest_only: bool
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegistryPolicy:
    """The registry: its one upstream, further declared origins, allowed names."""

    host: str
    upstream: str
    allow: tuple[ImageRule, ...]
    redirect_origins: tuple[str, ...] = ()
    token_origins: tuple[str, ...] = ()
    credential: str | None = None


@dataclass(frozen=True)
class ArchiveRule:
    """One package archive and its suites."""

    name: str
    upstream: str
    suites: tuple[str, ...]
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArchivePolicy:
    """The package archives, all below one name."""

    host: str
    allow: tuple[ArchiveRule, ...]


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes."""

    git_body: int = 256 * 1024
    git_decoded_body: int = 1024 * 1024
    manifest: int = 4 * 1024 * 1024
    blob: int = 32 * 1024**3
    package: int = 4 * 1024**3


@dataclass(frozen=True)
class Policy:
    """Everything that may pass; a part that is missing allows nothing."""

    git: GitPolicy | None
    registry: RegistryPolicy | None
    archives: ArchivePolicy | None
    clients: Mapping[str, tuple[Network, ...]]
    limits: Limits

    def group_allows(self, groups: tuple[str, ...], address: str) -> bool:
        """Return whether an address is in one of a rule's client groups; no groups means anyone."""
        if not groups:
            return True
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(client in network for group in groups for network in self.clients[group])
