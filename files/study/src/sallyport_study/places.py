"""Names of studies: repository, branch, tag, commit and workspace.

This is the only grammar of these names: job server, runner and proxy use it, so what one of them
accepts, all of them accept. Sources: `git check-ref-format --branch` for branches and tags, and
GitHub's naming rules for owners and repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sallyport_common.errors import SallyportError
from sallyport_common.names import WORKSPACE

T = TypeVar("T")
PUBLIC_FORGE = "github.com"
"""The forge whose repositories the proxy serves as /OWNER/NAME, as OpenSAFELY's proxy does."""

FORGE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
LONGEST_FORGE = 200
# Letters and digits with single hyphens, or a managed user `name_shortcode`. An owner never holds
# a dot or a double underscore.
OWNER = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?:_[A-Za-z0-9]+)?")
LONGEST_OWNER = 39
OWNER_GLOB = re.compile(r"[A-Za-z0-9_*-]{1,39}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
NAME_GLOB = re.compile(r"[A-Za-z0-9._*-]{1,100}")
COMMIT = re.compile(r"[0-9a-f]{40}")
LONGEST_REFERENCE = 244
"""Bytes in UTF-8. With `refs/heads/` this is 255, which forges and file systems can store."""

_FORBIDDEN_IN_REFERENCE = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


class InvalidNameError(SallyportError):
    """A name breaks the grammar; the text is a fixed sentence that never contains the name."""


@dataclass(frozen=True)
class Repository:
    """A repository on a public forge, in canonical form: no `.git` and no slash at the end."""

    forge: str
    owner: str
    name: str

    @classmethod
    def parse(cls, url: str) -> Repository:
        """Read `https://FORGE/OWNER/NAME`; `.git` and one slash at the end are accepted."""
        scheme, _, rest = url.partition("://")
        parts = rest.removesuffix("/").split("/")
        if scheme != "https" or len(parts) != 3:
            raise InvalidNameError(
                "The URL needs https, a host, an organisation and a name, and nothing else."
            )
        return cls._checked(*parts)

    @classmethod
    def from_path(cls, path: str) -> Repository:
        """Read the proxy's `OWNER/NAME` or `FORGE/OWNER/NAME`; raise InvalidNameError."""
        parts = path.split("/")
        if len(parts) == 2:
            return cls._checked(PUBLIC_FORGE, *parts)
        if len(parts) != 3 or parts[0] == PUBLIC_FORGE:
            raise InvalidNameError(
                "A path at the proxy has the form ORGANISATION/NAME or FORGE/ORGANISATION/NAME."
            )
        return cls._checked(*parts)

    @classmethod
    def _checked(cls, forge: str, owner: str, name: str) -> Repository:
        if not FORGE.fullmatch(forge) or len(forge) > LONGEST_FORGE:
            raise InvalidNameError(
                "The host of a repository URL has lower-case letters, digits, '-' and '.' only, "
                "without a user name or a port."
            )
        check_owner(owner)
        return cls(forge, owner, _name(name.removesuffix(".git")))

    @property
    def url(self) -> str:
        """The public URL."""
        return f"https://{self.forge}/{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        """The path at the proxy, without a slash at the start."""
        path = f"{self.owner}/{self.name}"
        return path if self.forge == PUBLIC_FORGE else f"{self.forge}/{path}"

    def belongs_to(self, organisations: Iterable[str]) -> bool:
        """Return whether the owner is one of the organisations; forges ignore case in names."""
        return self.owner.lower() in {organisation.lower() for organisation in organisations}

    def credential(self, credentials: Mapping[str, T]) -> T | None:
        """Return the entry for `FORGE/OWNER`, else for `FORGE`, else None; case is ignored."""
        entries = {key.lower(): value for key, value in credentials.items()}
        return entries.get(f"{self.forge}/{self.owner.lower()}", entries.get(self.forge))


def at_upstream(location: str, forges: Mapping[str, str]) -> Repository | None:
    """Return the repository at an address, or None; `forges` maps hosts to their upstreams."""
    for host, upstream in forges.items():
        if location.startswith(f"{upstream}/"):
            location = f"https://{host}{location.removeprefix(upstream)}"
            break
    try:
        return Repository.parse(location)
    except InvalidNameError:
        return None


def check_owner(text: str) -> str:
    """Return the name of an organisation or user; raise InvalidNameError."""
    if not OWNER.fullmatch(text) or len(text) > LONGEST_OWNER:
        raise InvalidNameError(
            "An organisation's name has up to 39 letters, digits and single hyphens, and neither "
            "starts nor ends with a hyphen."
        )
    return text


def _name(text: str) -> str:
    if not NAME.fullmatch(text) or text in {".", ".."} or text.lower().endswith(".git"):
        raise InvalidNameError(
            "A repository's name has up to 100 letters, digits, '.', '_' and '-', and is not '.' "
            "or '..'."
        )
    return text


def check_branch(text: str) -> str:
    """Return the name of a branch; raise InvalidNameError unless git takes it as one."""
    return _reference("branch", text)


def check_tag(text: str) -> str:
    """Return the name of a tag; raise InvalidNameError unless git takes it as one."""
    return _reference("tag", text)


def check_commit(text: str) -> str:
    """Return a full commit id; raise InvalidNameError."""
    if not COMMIT.fullmatch(text):
        raise InvalidNameError("A commit is named by 40 hexadecimal digits in lower case.")
    return text


def check_workspace(text: str) -> str:
    """Return the name of a workspace; raise InvalidNameError."""
    if not WORKSPACE.fullmatch(text):
        raise InvalidNameError(
            "A workspace's name has up to 100 letters, digits, '_' and '-', and does not start "
            "with '-'."
        )
    return text


def _reference(kind: str, text: str) -> str:
    reason = _reference_fault(text)
    if reason:
        raise InvalidNameError(f"The name of the {kind} {reason}.")
    return text


def _reference_fault(text: str) -> str:
    """Return what is wrong with the name of a branch or tag, or nothing."""
    components = text.split("/")
    faults = {
        "must not be empty": not text,
        "is longer than 244 bytes": len(text.encode("utf-8", "replace")) > LONGEST_REFERENCE,
        "is not valid Unicode": any("\ud800" <= character <= "\udfff" for character in text),
        "must not contain spaces, control characters or any of ~ ^ : ? * [ \\": (
            _FORBIDDEN_IN_REFERENCE.search(text) is not None
        ),
        "must not start with '-'": text.startswith("-"),
        "must not start or end with '/' or contain '//'": "" in components and bool(text),
        "must not contain '..' or '@{'": ".." in text or "@{" in text,
        "must not end with '.'": text.endswith("."),
        "must not have a part that starts with '.' or ends with '.lock'": any(
            part.startswith(".") or part.endswith(".lock") for part in components
        ),
        "must not be 'HEAD'": text == "HEAD",
    }
    return next((sentence for sentence, applies in faults.items() if applies), "")
