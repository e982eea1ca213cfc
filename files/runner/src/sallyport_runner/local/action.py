"""One action of a local run: the steps of a backend, with the study's folder as its high tree."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic

from sallyport_common.tokens import new_request_identifier
from sallyport_runner.local.engine import LocalExecutor
from sallyport_runner.local.folder import Folder
from sallyport_runner.local.results import Done, Result, Status
from sallyport_runner.local.settings import BACKEND
from sallyport_runner.local.tasks import Task
from sallyport_runner.models import Job, JobRequest, Outcome, Stop
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.outputs.archive import Archive, read_record
from sallyport_runner.services.outputs.finalise import Finaliser
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.requests.jobs import job_of
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.sentences import sentence
from sallyport_runner.settings import Settings

Ending = tuple[Result, Done | None]
"""What became of an action, and what is remembered of a success."""


class InPlace(PrivacyTrees):
    """The privacy trees of a study's folder: its outputs are written where researchers look."""

    def __init__(self, settings: Settings, root: Path) -> None:
        super().__init__(settings)
        self._root = root

    def workspaces(self, workspace: str) -> tuple[Path, Path]:
        """Return the study's folder, and the medium folder, which exists afterwards."""
        return self._root, super().workspaces(workspace)[1]


class Actions:
    """Runs actions in containers; any thread may call, and `stop` ends all that are under way."""

    def __init__(
        self, folder: Folder, settings: Settings, executor: LocalExecutor, user: tuple[int, int]
    ) -> None:
        self._folder, self._executor = folder, executor
        self._sandbox, self._archive = Sandbox(settings), Archive(settings)
        self._volumes = Volumes(settings.volumes, user)
        trees = InPlace(settings, folder.root)
        self._finaliser = Finaliser(settings, executor, self._volumes, trees)
        self._request = JobRequest(
            identifier=new_request_identifier(),
            payload_digest="",
            workspace=folder.workspace,
            repo="",
            branch="",
            sha="",
            requested_actions=[],
        )
        self._remover = ThreadPoolExecutor(1)
        self._alive: set[str] = set()
        self._stopping = threading.Event()

    def sweep(self) -> None:
        """Remove containers of an earlier run of this study that was cut off."""
        for found in self._executor.list(BACKEND):
            if found.labels.get("workspace") == self._folder.workspace:
                self._executor.remove(found.name)

    def stop(self) -> None:
        """End every container, and start no other."""
        self._stopping.set()
        for name in list(self._alive):
            self._executor.kill(name)

    def run(self, task: Task, inputs: Iterable[str]) -> Ending:
        """Run an action with files of the study as its inputs; return what became of it."""
        cancelled = Result(action=task.action.name, status=Status.CANCELLED)
        if self._stopping.is_set():
            return cancelled, None
        begin = monotonic()
        job = job_of(self._request, task.action, task.command)
        job = replace(job, image=task.image.reference)
        self._alive.add(job.container)
        try:
            outcome = self._ended(job, task.code, inputs)
        except (TransientError, ImageError, OSError) as error:
            failed = Result(action=job.action, status=Status.FAILED, message=str(error))
            return failed, None
        finally:
            self._alive.discard(job.container)
            self._remover.submit(self._remove, job)
        if self._stopping.is_set():
            return cancelled, None
        return self._told(job, outcome, monotonic() - begin)

    def _ended(self, job: Job, code: Path, inputs: Iterable[str]) -> Outcome:
        volume = self._volumes.of(job.id)
        self._prepare(volume, code, inputs)
        self._executor.start(self._sandbox.specification(job, self._request, volume))
        if self._stopping.is_set():  # it was set after this container could have been killed
            self._executor.kill(job.container)
        status = self._executor.wait(job.container)
        if self._stopping.is_set():
            job = replace(job, stop=Stop.CANCELLED)  # its outputs are not complete
        return self._finaliser.finalise(job, self._request, status)

    def _prepare(self, volume: Volume, code: Path, inputs: Iterable[str]) -> None:
        volume.make()
        shutil.copytree(code, volume.workspace, symlinks=True, dirs_exist_ok=True)
        for path in inputs:
            target = volume.workspace / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._folder.root / path, target)
        if not os.getuid():  # other people's files are their own already
            volume.hand_over(volume.workspace)
        volume.mark_prepared()

    def close(self) -> None:
        """Wait until everything is removed."""
        self._remover.shutdown()

    def _remove(self, job: Job) -> None:
        # What cannot be removed now is removed when the next run begins.
        with contextlib.suppress(TransientError, subprocess.CalledProcessError):
            self._executor.remove(job.container)
            self._volumes.of(job.id).remove()

    def _told(self, job: Job, outcome: Outcome, seconds: float) -> Ending:
        metadata = read_record(self._archive.folder(job)) or {}
        good = outcome.code.value == Status.SUCCEEDED
        result = Result(
            action=job.action,
            status=Status.SUCCEEDED if good else Status.FAILED,
            code=outcome.code.value,
            message=sentence(outcome.code, outcome.reason),
            exit_code=metadata.get("exit_code", ""),
            seconds=round(seconds, 3),
            log=f"metadata/{job.action}.log",
            outputs=outcome.files,
            withheld=metadata.get("level4_excluded_files", {}),
            unmatched_patterns=outcome.unmatched,
            unmatched_outputs=metadata.get("unmatched_outputs", []),
        )
        done = Done(
            inputs="",
            digests=metadata.get("outputs_sha256", {}),
            outputs=outcome.files,
            withheld=result.withheld,
        )
        return result, done if good else None
