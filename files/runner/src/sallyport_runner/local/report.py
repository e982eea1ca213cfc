"""What a local run says: a line as each action starts and ends, then a summary, or JSON."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sallyport_common.outputs import PrivacyLevel
from sallyport_common.paths import UnsafePathError, open_beneath
from sallyport_common.protocol import StatusCode
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding, Severity
from sallyport_disclosure.policy import Policy
from sallyport_runner.local.results import Result, Status
from sallyport_runner.services.outputs.joblog import MARKER

TAIL = 12
"""Lines of a failed action's log that are shown."""
MOST_SHOWN = 8
_TIMESTAMP = 31
"""Characters before the text of a line in a log, the space included."""


class Progress:
    """Writes a line for each event; several threads may tell of one."""

    def __init__(self, stream: IO[str], root: Path) -> None:
        self._stream, self._root = stream, root
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Write a line at once."""
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def tell(self, event: str | Result) -> None:
        """Say that an action, given by its name, starts, or what became of one."""
        if isinstance(event, str):
            self.say(f"{event}: running")
        else:
            self.say("\n".join(self._lines(event)))

    def _lines(self, result: Result) -> Iterator[str]:
        with_time = f" in {result.seconds:.1f} s" if result.seconds else ""
        yield f"{result.action}: {result.status.value}{with_time}{_because(result)}"
        if result.status is Status.SUCCEEDED:
            yield from (f"    {path}" for path in shortened(sorted(result.outputs)))
        if result.code == StatusCode.UNMATCHED_PATTERNS:
            yield from (f"    no file matches {p}" for p in shortened(result.unmatched_patterns))
        for path in shortened(result.unmatched_outputs):
            yield f"    written, and matched by no pattern: {path}"
        if result.status is Status.FAILED and result.log:
            yield from (f"    | {line}" for line in tail(self._root / result.log))
            yield f"    log: {result.log}"


def _because(result: Result) -> str:
    """Return why an action did not succeed, unless the lines below say it better."""
    if result.status.good or result.code == StatusCode.UNMATCHED_PATTERNS or not result.message:
        return ""
    code = f" (exit code {result.exit_code})" if result.exit_code not in {"", "0"} else ""
    return f": {result.message}{code}"


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    rest = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], *([f"and {rest} more"] if rest > 0 else [])]


def tail(log: Path) -> list[str]:
    """Return the last lines that an action printed, without their times."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    end = lines.index(MARKER) if MARKER in lines else len(lines)
    return [line[_TIMESTAMP:] for line in lines[:end] if line][-TAIL:]


def findings(root: Path, results: Sequence[Result]) -> dict[str, list[Finding]]:
    """Return what the checks say about the moderately sensitive outputs, by path."""
    policy = Policy()
    found = {}
    for result in results:
        for path, level in result.outputs.items():
            if level == PrivacyLevel.MODERATE and result.status.good:
                found[path] = _checked(root, path, policy)
    return {path: remarks for path, remarks in sorted(found.items()) if remarks}


def _checked(root: Path, path: str, policy: Policy) -> list[Finding]:
    try:
        with open_beneath(root, path) as stream:
            return list(check_file(path, stream.read(policy.max_bytes + 1), policy).findings)
    except (OSError, UnsafePathError):  # somebody changed it meanwhile
        return []


def summary(results: Sequence[Result], found: dict[str, list[Finding]]) -> Iterator[str]:
    """Yield the lines that close a run."""
    counts = Counter(result.status for result in results)
    told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    yield f"{len(results)} action{'s' if len(results) > 1 else ''}: {told}"
    if found:
        yield "What output checkers will see of moderately sensitive outputs:"
    for path, remarks in found.items():
        blocking = any(remark.severity is Severity.BLOCK for remark in remarks)
        yield f"  {path}{': withheld from review' if blocking else ''}"
        yield from (f"    {line}" for line in shortened([_remark(one) for one in remarks]))


def _remark(finding: Finding) -> str:
    column = f" (column {finding.column.strip()})" if finding.column else ""
    return f"{finding.severity.value}: {finding.message}{column}"


def as_json(root: Path, results: Sequence[Result], found: dict[str, list[Finding]]) -> str:
    """Return the same as one JSON object; paths are relative to `study`."""
    content: dict[str, Any] = {
        "study": str(root),
        "succeeded": all(result.status.good for result in results),
        "actions": [result.to_json() for result in results],
        "findings": [
            {"file": path} | finding.to_json()
            for path, remarks in found.items()
            for finding in remarks
        ],
    }
    return json.dumps(content, indent=2)
