"""The policy: what may pass, as the policy file says it. Matching only; no I/O.

The types are read strictly by services.policy_file, so each name says here what it accepts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from sallyport_common.names import matches_glob
from sallyport_common.schemas import Text, form
from sallyport_study import places

LARGEST_LIMIT = 1024**4
_ORIGIN = r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?"
_PARTS = r"(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*"
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._*-]*(?:/[a-z0-9*][a-z0-9._*-]*)*")

Host = Annotated[
    str, form(re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"), "a host name in lower case")
]
Forge = Annotated[str, form(places.FORGE, "a host name in lower case, without a port")]
Origin = Annotated[str, form(re.compile(_ORIGIN), "http:// or https:// and a host, without a path")]
Base = Annotated[
    str, form(re.compile(_ORIGIN + _PARTS), "an http:// or https:// URL without a slash at the end")
]
Word = Annotated[
    str,
    form(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), "1 to 64 letters, digits, '.', '_', '-'"),
]
SecretName = Annotated[
    str,
    form(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}"), "the name of a file with a secret"),
]
Size = Annotated[
    int,
    Meta(ge=1, le=LARGEST_LIMIT, description=f"a whole number of bytes from 1 to {LARGEST_LIMIT}"),
]
CredentialKey = Annotated[
    str,
    form(
        re.compile(f"(?:{places.FORGE.pattern})(?:/(?:{places.OWNER.pattern}))?"),
        "FORGE or FORGE/ORGANISATION",
    ),
]


class Network(Text):
    """The addresses of some clients."""

    __slots__ = ()
    accepted = "a network such as 10.77.1.0/24"

    @classmethod
    def read(cls, text: str) -> Network:
        """Return the network."""
        ipaddress.ip_network(text)
        return cls(text)


class GitRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Repositories of one organisation on every declared forge; as there, case is ignored."""

    org: Annotated[str, form(places.OWNER_GLOB, "an organisation; '*' stands for any characters")]
    repo: Annotated[str, form(places.NAME_GLOB, "a repository; '*' stands for any characters")]
    clients: tuple[Word, ...] = field(name="for", default=())

    def holds_org(self, org: str) -> bool:
        """Return whether the organisation is this rule's."""
        return matches_glob(self.org.lower(), org.lower())

    def holds(self, org: str, repo: str) -> bool:
        """Return whether organisation and repository are this rule's."""
        return self.holds_org(org) and matches_glob(self.repo.lower(), repo.lower())

    def spelling(self, org: str, repo: str) -> tuple[str, str]:
        """Return both names as the rule spells them; a glob keeps the client's, in lower case."""
        return (
            org.lower() if "*" in self.org else self.org,
            repo.lower() if "*" in self.repo else self.repo,
        )


class GitPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Git: forges by public host with their upstreams, who may fetch what, and credentials.

    Keys of `credentials` are `FORGE` or `FORGE/ORGANISATION`, values the names of secret files.
    """

    host: Host
    forges: Annotated[
        Mapping[Forge, Origin],
        Meta(min_length=1, description="at least one forge, each with the origin of its upstream"),
    ]
    allow: tuple[GitRule, ...]
    credentials: Mapping[CredentialKey, SecretName] = field(default_factory=dict)


class ImageRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Image names, and whether they may be asked for by tag or by digest only."""

    name: Annotated[str, form(_IMAGE, "the name of an image; '*' stands for a part of it")]
    reference: Annotated[Literal["digest", "any"], Meta(description="'digest' or 'any'")]
    clients: tuple[Word, ...] = field(name="for", default=())

    @property
    def digest_only(self) -> bool:
        """Return whether tags are refused."""
        return self.reference == "digest"


class OtherRegistry(Struct, frozen=True, forbid_unknown_fields=True):
    """A further registry: its upstream and declared origins."""

    upstream: Origin
    redirect_origins: tuple[Origin, ...] = ()
    token_origins: tuple[Origin, ...] = ()
    credential: SecretName | None = None


class RegistryPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """The registries: the upstream of plain names, further declared origins, allowed names.

    `others` has further registries by public host, as which a name of theirs begins.
    """

    host: Host
    upstream: Origin
    allow: tuple[ImageRule, ...]
    redirect_origins: tuple[Origin, ...] = ()
    token_origins: tuple[Origin, ...] = ()
    credential: Word | None = None
    others: Mapping[Forge, OtherRegistry] = field(default_factory=dict)

    def of(self, name: str) -> tuple[RegistryPolicy, str]:
        """Return the registry of a name, and what the image is called there.

        Nothing of one registry is used for another: neither origins nor credential.
        """
        host, _slash, rest = name.partition("/")
        other = self.others.get(host) if rest else None
        if other is None:
            return self, name
        return replace(
            self,
            upstream=other.upstream,
            redirect_origins=other.redirect_origins,
            token_origins=other.token_origins,
            credential=other.credential,
        ), rest


class ArchiveRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One package archive and its suites."""

    name: Word
    upstream: Base
    suites: tuple[Word, ...] = ()
    clients: tuple[Word, ...] = field(name="for", default=())


class ArchivePolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """The package archives, all below one name."""

    host: Host
    allow: tuple[ArchiveRule, ...]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes in bytes."""

    git_body: Size = 256 * 1024
    git_decoded_body: Size = 1024 * 1024
    manifest: Size = 4 * 1024 * 1024
    blob: Size = 32 * 1024**3
    package: Size = 4 * 1024**3


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that may pass; a part that is missing allows nothing."""

    version: Annotated[Literal[1], Meta(description="1, the version that this proxy reads")]
    git: GitPolicy | None = None
    registry: RegistryPolicy | None = None
    archives: ArchivePolicy | None = None
    clients: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def group_allows(self, groups: tuple[str, ...], address: str) -> bool:
        """Return whether an address is in one of a rule's client groups; no groups means anyone."""
        if not groups:
            return True
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        networks = (network for group in groups for network in self.clients[group])
        return any(client in ipaddress.ip_network(network) for network in networks)
