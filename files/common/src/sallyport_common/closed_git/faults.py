"""What went wrong with git, as a closed list of faults with one sentence each.

The sentences are fixed, so they may leave the secure zone; what git printed stays in the log.
"""

from __future__ import annotations

import enum
import re

from sallyport_common.errors import SallyportError


class Fault(enum.StrEnum):
    """Why a git command failed; the proxy uses the same codes as reasons of its refusals."""

    LOGIN_REQUIRED = "login_required"
    FORBIDDEN = "upstream_forbidden"
    NOT_FOUND = "not_found"
    MOVED = "moved"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "upstream_error"
    UNAVAILABLE = "upstream_unavailable"
    TIMEOUT = "upstream_timeout"
    TLS = "upstream_tls"
    NO_BRANCH = "no_branch"
    NO_COMMIT = "no_commit"
    NO_FILE = "no_file"
    UNSAFE = "unsafe_objects"
    LOCKED = "locked"
    DAMAGED = "damaged"
    DISK_FULL = "disk_full"
    ORG_NOT_ALLOWED = "org_not_allowed"
    REPO_NOT_ALLOWED = "repo_not_allowed"
    FORGE_UNKNOWN = "forge_unknown"
    CLIENT_UNKNOWN = "client_unknown"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """One or two sentences for a person, without any value."""
        return SENTENCES[self]

    @property
    def transient(self) -> bool:
        """Whether a retry may succeed without anybody changing anything."""
        return self in TRANSIENT


SENTENCES = {
    Fault.LOGIN_REQUIRED: (
        "The forge asks for a log-in (401): the repository's URL is misspelt, or the repository is "
        "private and this site has no valid credential for it. Check the URL, or ask an "
        "administrator to add a credential."
    ),
    Fault.FORBIDDEN: (
        "The forge denies access to the repository (403). Ask an administrator to check the "
        "credential of this site."
    ),
    Fault.NOT_FOUND: (
        "The forge has no such repository (404), or does not show it to this site. Check the "
        "spelling of the URL."
    ),
    Fault.MOVED: "The repository has moved. Use its new URL.",
    Fault.RATE_LIMITED: (
        "The forge limits how often this site may ask it (429). Try again in a few minutes."
    ),
    Fault.SERVER_ERROR: "The forge reports an internal error (5xx). Try again later.",
    Fault.UNAVAILABLE: "The forge could not be reached. Try again later.",
    Fault.TIMEOUT: "The forge did not answer in time. Try again later.",
    Fault.TLS: (
        "The TLS certificate of the forge could not be verified. Ask an administrator to check it."
    ),
    Fault.NO_BRANCH: "The repository does not have this branch.",
    Fault.NO_COMMIT: "The repository does not have this commit.",
    Fault.NO_FILE: "The commit does not contain the file.",
    Fault.UNSAFE: (
        "The repository contains an object that git rejects as unsafe. Check it with `git fsck`."
    ),
    Fault.LOCKED: "The local copy of the repository is locked by another git process.",
    Fault.DAMAGED: "The local copy of the repository is damaged and has to be fetched again.",
    Fault.DISK_FULL: (
        "The disk for copies of repositories is full. Ask an administrator to free space."
    ),
    Fault.ORG_NOT_ALLOWED: "The proxy does not allow repositories of this organisation.",
    Fault.REPO_NOT_ALLOWED: "The proxy does not allow this repository.",
    Fault.FORGE_UNKNOWN: "The forge of the repository is not declared at the proxy.",
    Fault.CLIENT_UNKNOWN: "The proxy does not serve this host. Ask an administrator to check it.",
    Fault.UNKNOWN: (
        "git failed for a reason that is not known. Ask an administrator to read the log."
    ),
}

TRANSIENT = frozenset(
    {
        Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.TIMEOUT, Fault.TLS,
        Fault.LOCKED, Fault.DAMAGED, Fault.DISK_FULL, Fault.UNKNOWN,
    }
)  # fmt: skip


class GitError(SallyportError):
    """A git command failed; the text is the fault's sentence.

    `location` is the new URL of a moved repository in the proxy's words: check it before use.
    """

    def __init__(self, fault: Fault, location: str = "") -> None:
        super().__init__(fault.sentence)
        self.fault, self.location = fault, location


# In this order: what concerns our own disk first, because git often adds a network error to it.
# The patterns are searched in lower case, without what the server sent and without quoted names.
_PATTERNS = [
    (re.compile(pattern), fault)
    for pattern, fault in (
        (r"no space left on device|disk quota exceeded", Fault.DISK_FULL),
        (r"reference broken|object file \S+ is empty|loose object .* is corrupt", Fault.DAMAGED),
        (r"inflate: |packfile .* cannot be accessed|packed object .* is corrupt", Fault.DAMAGED),
        (r"does not point to a valid object|reference is not a tree|bad shallow|shallow file has",
         Fault.DAMAGED),
        (r"unable to (read|parse) (sha1 file|tree|object|[0-9a-f]{40})", Fault.DAMAGED),
        (r"bad (object|tree object|config|signature)|not a git repository|invalid sha1 pointer",
         Fault.DAMAGED),
        (r"(pack|index) ?file .* (is too small|is truncated|corrupt)|unexpected line in ",
         Fault.DAMAGED),
        (r"missing (blob|tree|commit) object|pack-objects died|wrong index",
         Fault.DAMAGED),
        (r"(checksum|hash|sha1) mismatch|does not match index|garbage at end of", Fault.DAMAGED),
        (r"invalid object [0-9a-f]|could not parse commit", Fault.DAMAGED),
        (r"unable to create '': file exists|another git process", Fault.LOCKED),
        (r"fsck error", Fault.UNSAFE),
        (r"not our ref|unadvertised object", Fault.NO_COMMIT),
        (r"couldn't find remote ref|no such remote ref", Fault.NO_BRANCH),
        (r"path '' (does not exist in|exists on disk, but not in)", Fault.NO_FILE),
        (r"error: 401|authentication failed|could not read (username|password)",
         Fault.LOGIN_REQUIRED),
        (r"error: (404|410)|repository '' not found|does not appear to be a git repository",
         Fault.NOT_FOUND),
        (r"error: 429", Fault.RATE_LIMITED),
        (r"error: 4\d\d", Fault.FORBIDDEN),
        (r"error: 3\d\d|unable to update url base from redirection", Fault.MOVED),
        (r"error: 504|timed out|operation too slow|less than \d+ bytes/sec", Fault.TIMEOUT),
        (r"error: 5\d\d", Fault.SERVER_ERROR),
        (r"certificate", Fault.TLS),
        (r"could not resolve|(failed|couldn't|could not) (to )?connect|connection|recv|hung up|"
         r"early eof|disconnect|empty reply|transfer closed|handshake|rpc failed|ssl|tls|curl",
         Fault.UNAVAILABLE),
    )
]  # fmt: skip
_PROXY = re.compile(r"^remote: Sallyport proxy: .*\((?P<code>\w+)\)\s*$", re.MULTILINE)
_MOVED = re.compile(
    r"^remote: Sallyport proxy: .*: (?P<url>https://\S{1,400}) \(moved\)\s*$", re.MULTILINE
)


def classify(errors: str) -> Fault:
    """Return the fault behind what git printed to stderr (in the locale C).

    The proxy's own reason counts most. Other `remote:` lines are the server's words and do not
    count, nor do quoted names: a repository may be called `certificate`.
    """
    reason = _PROXY.search(errors)
    if reason and reason["code"] in set(Fault):
        return Fault(reason["code"])
    lines = [line for line in errors.lower().splitlines() if not line.startswith("remote:")]
    text = re.sub(r"(?<![a-z])'[^']*'", "''", "\n".join(lines))
    return next((fault for pattern, fault in _PATTERNS if pattern.search(text)), Fault.UNKNOWN)


def named_location(errors: str) -> str:
    """Return the URL in the proxy's words about a moved repository, or nothing."""
    named = _MOVED.search(errors)
    return named["url"] if named else ""
