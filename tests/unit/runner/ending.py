"""The end of one job, for tests that look at nothing else: a volume, a finaliser, two trees."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.runner.made import REQUEST, TIME, ended, job
from tests.unit.runner.rig import MemoryExecutor, settings

from sallyport_common.manifests import Output
from sallyport_common.outputs import PrivacyLevel
from sallyport_runner.models import Job, Outcome
from sallyport_runner.services.outputs.finalise import Finaliser
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.outputs.volumes import Volumes

HIGH, MODERATE = PrivacyLevel.HIGH.value, PrivacyLevel.MODERATE.value
IMAGE = "registry/python@sha256:" + "a" * 64
GOOD = "age,n\n40,10\n"


def described(number: int, outputs: dict[str, str], **values: Any) -> Job:
    """Return a job of the one workspace and action, and leave its volume as it is."""
    given = {"workspace": "ws1", "action": "act", "created_at": TIME, "image": IMAGE}
    return replace(job(number), outputs=outputs, **given | values)


class Ending:
    """Ends jobs of the workspace `ws1`, one after the other."""

    def __init__(self, base: Path, **values: Any) -> None:
        self.base = base
        base.mkdir(exist_ok=True)
        self.settings = settings(base, **values)
        self.volumes = Volumes(self.settings.volumes, (os.getuid(), os.getgid()))
        self.restart()

    def restart(self) -> None:
        """Recreate everything that lives only in the process, and sweep as a start does."""
        trees = PrivacyTrees(self.settings)
        trees.remove_partial()
        executor = MemoryExecutor(lambda: 0.0)
        self.finaliser = Finaliser(self.settings, executor, self.volumes, trees, lambda: TIME)

    def job(self, number: int, outputs: dict[str, str], **values: Any) -> Job:
        """Return a job of the one workspace and action, with an empty volume."""
        volume = self.volumes.of(f"job{number}")
        volume.make()
        volume.mark_prepared()
        return described(number, outputs, **values)

    def write(self, job: Job, path: str, content: str | bytes = GOOD) -> Path:
        """Write a file of a job's workspace."""
        place = self.volumes.of(job.id).workspace / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(place, (1e9, 1e9))
        return place

    def end(self, job: Job, exit_code: int = 0) -> Outcome:
        """End a job."""
        return self.finaliser.finalise(job, REQUEST, ended(exit_code))

    def record(self, job: Job) -> dict[str, Any]:
        """Return what is written down about a job."""
        folder = self.base / f"high/logs/2026-11/os-job-{job.id}"
        return dict(json.loads((folder / "metadata.json").read_text()))

    def high(self, path: str = "") -> Path:
        """Return a path of the workspace in the high tree."""
        return self.base / "high/workspaces/ws1" / path

    def medium(self, path: str = "") -> Path:
        """Return a path of the workspace in the medium tree."""
        return self.base / "medium/workspaces/ws1" / path

    def manifest(self) -> dict[str, Output]:
        """Return the manifest's entries."""
        return dict(Manifest(self.medium(), "ws1").outputs)

    def files(self) -> dict[str, str]:
        """Return the digest of every file in both trees, volumes left out."""
        found = {}
        for tree in ("high/workspaces", "high/logs", "high/staging", "medium"):
            for path in sorted((self.base / tree).rglob("*")):
                if path.is_file():
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    found[str(path.relative_to(self.base))] = digest
        return found
