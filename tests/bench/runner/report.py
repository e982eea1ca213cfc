"""What a run of the benchmark has measured: kept group by group, so that a run may go on later."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.runner import figures
from tests.bench.runner.figures import Figure, Round

ROOT = Path(__file__).resolve().parents[3]
_COMPARED = ("code", "machine", "size", "sides")


class OtherRunError(Exception):
    """The file is that of a run which this one cannot go on with; the text says in what."""


@dataclass(frozen=True)
class Taken:
    """The samples of one group; `seconds` is how long they took, with the load before them."""

    rounds: list[Round]
    seconds: float
    load: float


@dataclass
class Report:
    """A run: what it is of, and what it has by the names of each group's figures."""

    path: Path
    of: dict[str, Any]
    full: bool
    taken: dict[str, Taken] = field(default_factory=dict)

    def resume(self) -> None:
        """Take what an earlier run has; raise OtherRunError unless it is of the very same."""
        if not self.path.exists():
            return
        known = json.loads(self.path.read_text(encoding="utf-8"))
        before = known.get("of", {})
        differing = [name for name in _COMPARED if before.get(name) != self.of[name]]
        if differing:
            raise OtherRunError(
                f"{self.path} is of another {', '.join(differing)}: run without --resume."
            )
        self.taken = {names: Taken(**one) for names, one in known["groups"].items()}

    def write(self, found: Sequence[Figure]) -> None:
        """Write the file in one step; `found` are the figures so far."""
        content = {
            "component": "runner",
            "of": self.of,
            "full": self.full,
            "seconds": sum(one.seconds for one in self.taken.values()),
            "figures": figures.document(found),
            "groups": {names: vars(one) for names, one in self.taken.items()},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        new.replace(self.path)


def identity(size: dict[str, Any], sides: str) -> dict[str, Any]:
    """Return what has to be the same for samples to count together."""
    return {"code": code(), "machine": machine(), "size": size, "sides": sides}


def code(root: Path = ROOT) -> str:
    """Return the commit, with the digest of what is changed since where something is."""
    commit, changed = _git(root, "rev-parse", "HEAD").decode().strip(), _git(root, "diff", "HEAD")
    return f"{commit}+{hashlib.sha256(changed).hexdigest()[:16]}" if changed else commit


def machine() -> str:
    """Return what tells this machine from others, without its name."""
    names = (platform.node(), platform.release(), platform.machine(), os.cpu_count())
    return hashlib.sha256(repr(names).encode()).hexdigest()[:16]


def file_system(folder: Path) -> str:
    """Return kind and options of the file system of a folder, and whether ext4 has its journal.

    Without one, which is rare, ext4 takes ten times as long to make a file where many were removed.
    """
    words = ["findmnt", "--noheadings", "--raw", "--output=FSTYPE,OPTIONS,SOURCE", "--target"]
    done = subprocess.run([*words, folder], capture_output=True, text=True, check=True)
    kind, options, source = done.stdout.split()[:3]  # of what is mounted uppermost
    journals = Path("/proc/fs/jbd2").glob(f"{Path(source).name}-*")
    without = kind == "ext4" and not any(journals)
    return f"{kind} ({options}{', no journal' if without else ''})"


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout
