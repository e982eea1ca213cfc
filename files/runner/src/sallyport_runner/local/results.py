"""What became of the actions of a local run, and what is remembered of them for the next one."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sallyport_common.paths import write_atomic


class Status(enum.StrEnum):
    """How an action ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    NOT_STARTED = "not started"
    CANCELLED = "cancelled"

    @property
    def good(self) -> bool:
        """Return whether the outputs of the action are those of its present code and inputs."""
        return self in {Status.SUCCEEDED, Status.UNCHANGED}

    @property
    def past(self) -> str:
        """The status as the end of a sentence about an action."""
        return {Status.NOT_STARTED: "was not started", Status.CANCELLED: "was cancelled"}.get(
            self, self.value
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """The end of one action; `outputs` has the level of each file, `withheld` reasons by file."""

    action: str
    status: Status
    code: str = ""
    message: str = ""
    exit_code: str = ""
    seconds: float = 0.0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    unmatched_patterns: list[str] = field(default_factory=list)
    unmatched_outputs: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A success: the digest of all that decided it, and of each output."""

    inputs: str
    digests: dict[str, str]
    outputs: dict[str, str]
    withheld: dict[str, str]


class Memory:
    """The successes of a study's actions by name, in a file; a damaged file is an empty one."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._done: dict[str, Done] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            stored = json.loads(path.read_bytes())
            self._done = {name: Done(**values) for name, values in stored.items()}

    def of(self, action: str) -> Done | None:
        """Return the latest success of an action if its outputs are still what it wrote."""
        done = self._done.get(action)
        if done is None or any(
            digest_of(self._root / path) != digest for path, digest in done.digests.items()
        ):
            return None
        return done

    def keep(self, action: str, done: Done | None) -> None:
        """Remember a success, or with None that there was none."""
        self._done.pop(action, None)
        if done is not None:
            self._done[action] = done

    def save(self) -> None:
        """Write what is remembered."""
        text = json.dumps({name: asdict(one) for name, one in self._done.items()})
        write_atomic(self._path, text.encode())


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it does not exist."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
