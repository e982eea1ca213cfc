"""What became of each job, and which ends a fault may make: the rules, and nobody's opinion.

A job ends as its action says. Apart from that it may only end so:

- `cancelled_by_user`, if its request was cancelled;
- `dependency_failed`, if the job of a need did not succeed in the same workspace;
- `job_error` with the sentence about needs, if that is so for a newer run of the need;
- `nonzero_exit` with the exit code for "could not write", if its last container met a full disk;
- `nonzero_exit` with the exit code for "lost the database", if that was restarted meanwhile;
- `internal_error` after ten attempts, if engine or host went down during each of them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.bench.runner.rig import Rig
from tests.campaigns.chaos_database import Hospital
from tests.campaigns.chaos_faults import DATABASE, DISK, ENGINE, Chaos
from tests.campaigns.chaos_study import ACTIONS, NO_DATABASE, NO_SPACE, Action
from tests.campaigns.chaos_witness import LABEL, Witness

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason
from sallyport_runner.services.running.transitions import MAX_INTERRUPTIONS
from sallyport_runner.services.sentences import sentence

NOTHING = "All actions have already completed or are in progress"
"""The message of a row without a job: the request asked for nothing that was not under way."""
NO_INPUT = sentence(StatusCode.JOB_ERROR, Reason.NO_INPUT)
RAN = frozenset({"succeeded", "nonzero_exit", "unmatched_patterns"})
"""Codes of jobs that replaced the outputs of earlier ones."""
SHORT = 12
"""Digits of a container's identifier that are its host name."""
_JOBS = (
    "SELECT jobs.identifier, jobs.action, workspaces.name, jobs.status, jobs.status_code,"
    " jobs.status_message, job_requests.identifier, jobs.id FROM jobs"
    " JOIN job_requests ON jobs.job_request_id = job_requests.id"
    " JOIN workspaces ON job_requests.workspace_id = workspaces.id"
)


class Row(NamedTuple):
    """A job as the job server has it."""

    job: str
    action: str
    workspace: str
    status: str
    code: str
    message: str
    request: str
    order: int


@dataclass
class Judge:
    """Compares what the witnesses saw."""

    rig: Rig
    chaos: Chaos
    witness: Witness
    cancelled: set[str]
    legitimate: Counter[str] = field(default_factory=Counter)
    """Ends that a fault made, by the rule that allows them."""

    def rows(self) -> list[Row]:
        """Return all jobs of the server."""
        found = [Row(*row) for row in self.rig.server._rows.all(_JOBS)]
        return [row for row in found if not row.message.startswith(NOTHING)]

    def faults(self) -> Iterator[str]:
        """Yield every broken promise."""
        rows = self.rows()
        failed = {(row.workspace, row.action) for row in rows if row.status == "failed"}
        for row in rows:
            yield from self._end(row, failed)
        yield from self._agree(rows)
        yield from self._queries(rows, self.chaos.hospital)
        for folder in (self.chaos.side.folder / "medium/workspaces").iterdir():
            yield from self._outputs(folder, rows)

    def _end(self, row: Row, failed: set[tuple[str, str]]) -> Iterator[str]:
        action = ACTIONS.get(row.action)
        if action is None or row.code != action.ends:
            rule = self._rule(row, failed)
            if rule:
                self.legitimate[rule] += 1
            else:
                codes = [one.code for one in self.witness.of(row.job)]
                yield f"{row.action} ({row.job}): {row.code}, {row.message}, containers {codes}"
        elif row.code == "succeeded" and not self.witness.of(row.job):
            yield f"{row.action} ({row.job}): succeeded without a container"

    def _rule(self, row: Row, failed: set[tuple[str, str]]) -> str:
        """Return the rule that allows an end; empty where none does."""
        action = ACTIONS.get(row.action)
        if action is None:
            return ""
        hit = any((row.workspace, need) in failed for need in action.needs)
        if row.code == "cancelled_by_user" and row.request in self.cancelled:
            return "cancelled"
        if row.code == "dependency_failed" and hit:
            return "a need had failed"
        if row.code == "job_error" and row.message.startswith(NO_INPUT) and hit:
            return "a newer run of a need had failed"
        return self._fault(row, action)

    def _fault(self, row: Row, action: Action) -> str:
        """Return which fault ended a job; empty where none did."""
        containers, spans = self.witness.of(row.job), self.chaos.spans
        if row.code == "nonzero_exit" and containers:
            code, last = containers[-1].code, containers[-1]
            if code in {NO_SPACE, None} and last.met(spans[DISK]):
                return "its disk was full"
            if code in {NO_DATABASE, None} and action.database and last.met(spans[DATABASE]):
                return "its database was restarted"
        interrupted = [one for one in containers if one.met(spans[ENGINE])]
        if row.code == "internal_error" and len(interrupted) >= MAX_INTERRUPTIONS:
            return "interrupted too often"
        return ""

    def _agree(self, rows: list[Row]) -> Iterator[str]:
        """Yield where runner and job server do not say the same."""
        known = dict(self.chaos.side.rows.all("SELECT id, code FROM jobs"))
        for row in rows:
            if known.get(row.job, row.code) != row.code:
                yield f"{row.action} ({row.job}): {row.code} there, {known[row.job]} here"

    def _queries(self, rows: list[Row], hospital: Hospital) -> Iterator[str]:
        """Yield extractions whose queries are not those that their containers asked."""
        asked = hospital.queries()
        for row in rows:
            started = [one for one in self.witness.of(row.job) if one.phase == "execute"]
            if asked[row.job] > len(started) + self.chaos.engine.unstarted[row.job]:
                yield f"{row.action} ({row.job}): {asked[row.job]} queries of {len(started)} starts"
            extraction = row.action in ACTIONS and ACTIONS[row.action].database
            if extraction and row.status == "succeeded" and not asked[row.job]:
                yield f"{row.action} ({row.job}): succeeded without a query"

    def _outputs(self, medium: Path, rows: list[Row]) -> Iterator[str]:
        """Yield files that are not what the last run of their action wrote, in both trees."""
        high = self.chaos.side.folder / "high/workspaces" / medium.name
        outputs = json.loads((medium / "metadata/manifest.json").read_text())["outputs"]
        done = [row for row in rows if row.workspace == medium.name and row.code in RAN]
        good = {row.job for row in done if row.status == "succeeded"}
        latest = {row.action: row.job for row in sorted(done, key=lambda row: row.order)}
        made = Counter(entry["job_id"] for entry in outputs.values())
        for action, job in latest.items():
            if job in good and made[job] != ACTIONS[action].outputs:
                yield f"{medium.name}: {made[job]} outputs of the last {action} ({job})"
        for path, entry in outputs.items():
            places = [high / path]
            if entry["level"] == "moderately_sensitive":
                places.append(medium / path)
            for place in places:
                yield from self._file(place, entry, good)
        for tree in (high, medium):
            found = {str(one.relative_to(tree)) for one in (tree / "output").rglob("*.*")}
            for path in sorted(found - outputs.keys()):
                yield f"{tree.parent.parent.name}/{medium.name}/{path}: in no manifest"

    def _file(self, place: Path, entry: dict[str, str], good: set[str]) -> Iterator[str]:
        """Yield what is wrong with a file; what a failed job could not write is not looked at."""
        if not place.exists():
            yield f"{place}: missing"
            return
        data = place.read_bytes()
        if hashlib.sha256(data).hexdigest() != entry["content_hash"]:
            yield f"{place}: the manifest has another digest"
        containers = self.witness.of(entry["job_id"])
        if entry["job_id"] not in good:
            return
        if not containers or data.decode().strip() != containers[-1].identifier[:SHORT]:
            yield f"{place}: not written by the last container of {entry['job_id']}"

    def leftovers(self) -> list[str]:
        """Return what no job owns any more; jobs that the runner does not know own theirs."""
        side = self.chaos.side
        known = dict(side.rows.all("SELECT id, code FROM jobs"))
        over = {job for job, code in known.items() if code != "internal_error"}
        words = ["docker", "ps", "--all", f"--filter=label={LABEL}"]
        words.append('--format={{.Label "org.sallyport.job"}}')
        listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        found = [f"container of {job}" for job in listed if job in over]
        volumes = side.folder / "high/volumes"
        found += [f"volume of {one.name}" for one in volumes.iterdir() if one.name in over]
        for tree in ("high", "medium"):
            staged = side.folder / tree / "staging"
            found += [str(one) for one in staged.rglob("*") if one.is_file()]
            found += [str(one) for one in (side.folder / tree).rglob("*.part")]
        return found
