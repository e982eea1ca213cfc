"""The slow steps of a job, run beside the run loop: prepare, hand the plan over."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping

from sallyport_common.paths import UnsafePathError, open_beneath
from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Image, Job, JobRequest, Phase, Reason
from sallyport_runner.services.checkouts import Checkouts
from sallyport_runner.services.executor import Executor, ImageError, TransientError
from sallyport_runner.services.git import Code, CodeError, code_of, code_of_job
from sallyport_runner.services.outputs import inputs, trees
from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.outputs.plan import PlanError, read_inputs
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.running.registry import Images
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store
from sallyport_study import ProjectError, decode_project, parse_project

log = logging.getLogger(__name__)


class StageError(Exception):
    """A step failed permanently; `reason` says why, `problem` is what may leave beside that.

    It is a sentence, or the action whose output is missing.
    """

    def __init__(self, reason: Reason, detail: str = "", problem: str = "") -> None:
        super().__init__(detail or problem or reason.value)
        self.reason, self.problem = reason, problem


class InputChangedError(TransientError):
    """An input is not what the manifest says: a newer run is just published, or it was altered."""

    gave_up = Reason.CHANGED_INPUT


class Stages:
    """Prepares volumes; each step may be repeated safely."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor: Executor,
        checkouts: Checkouts,
        volumes: Volumes,
    ) -> None:
        self._settings, self._store, self._executor = settings, store, executor
        self._checkouts, self._volumes = checkouts, volumes
        self._images = Images(executor, settings.image_digests)
        self._sandbox, self._archive = Sandbox(settings), Archive(settings)

    def prepare(self, job: Job, request: JobRequest) -> tuple[str, Phase]:
        """Fetch image and code, copy inputs; return the image's digest and the first phase."""
        database = self._sandbox.uses_database(job)
        if database and self._settings.database_url is None:
            raise StageError(Reason.NO_DATABASE)
        image = self._image(job)
        for name in job.containers:  # a stray could be taken for this attempt's own
            self._executor.remove(name)
        volume = self._volumes.of(job.id)
        volume.make()
        self._code(job, request, volume)
        self._inputs(job, volume)
        phase = Phase.COMPILE if database and image.has_phases else Phase.RUN
        if phase is Phase.COMPILE:
            volume.add(volume.plan)
            volume.hand_over(volume.plan)
        volume.hand_over(volume.workspace)
        volume.mark_prepared()
        return image.reference, phase

    def _image(self, job: Job) -> Image:
        try:
            return self._images.get(job.words[0], job.terms.get("image_sha"))
        except ImageError as error:
            raise StageError(Reason.NO_IMAGE, str(error)) from error

    def _code(self, job: Job, request: JobRequest, volume: Volume) -> None:
        """Write the code into the workspace: of the study, or of the reusable action."""
        try:
            study = code_of(request, self._settings.allowed_github_orgs)
            if job.terms and not request.actions:
                self._learn_actions(request, study)
            self._checkouts.copy(code_of_job(job, request, self._settings), volume.workspace)
        except CodeError as error:
            raise StageError(Reason.NO_CODE, problem=str(error)) from error

    def _learn_actions(self, request: JobRequest, study: Code) -> None:
        """Keep which actions the study has: a controller outside made the jobs from them.

        Outputs of other actions are shown as out of date. One that cannot be read here says
        nothing about them.
        """
        try:
            project = parse_project(decode_project(self._checkouts.read(study, "project.yaml")))
        except ProjectError as error:
            extra = {"request": request.identifier, "problems": len(error.problems)}
            log.warning("project.yaml is not understood", extra=extra)
        else:
            self._store.note_actions(request.identifier, list(project.actions))

    def _inputs(self, job: Job, volume: Volume) -> None:
        """Copy the outputs of needed actions and jobs."""
        digests: dict[str, str] = {}
        root = self._settings.high_privacy_storage_base / "workspaces" / job.workspace
        for need, files in self._needed(job):
            if not files:
                raise StageError(Reason.NO_INPUT, f"{need}: no outputs are recorded", need)
            for path in files:
                try:
                    with open_beneath(root, path) as stream:
                        digests[path] = trees.write_beneath(volume.workspace, path, stream).sha256
                except (UnsafePathError, FileNotFoundError, NotADirectoryError) as error:
                    raise StageError(Reason.NO_INPUT, f"{need}: {error}", need) from error
        self._check(job.workspace, digests)
        inputs.keep(volume, digests)

    def _check(self, workspace: str, digests: Mapping[str, str]) -> None:
        """Compare what was copied with one state of the manifest, so that it is of one run."""
        recorded = self._archive.manifest(workspace) if digests else {}
        for path, digest in digests.items():
            if path in recorded and recorded[path].content_hash != digest:
                raise InputChangedError(f"{path} is not what the manifest says")

    def _needed(self, job: Job) -> Iterator[tuple[str, Collection[str]]]:
        """Yield needs with their files: of an action's latest job, else what the manifest has.

        What a job left that failed is nobody's input, also where the need had succeeded before.
        A task names jobs, and may name files; both count only as this backend has recorded them.
        """
        latest = self._store.latest_jobs(job.workspace, job.needs) if job.needs else {}
        for need in job.needs:
            last = latest.get(need)
            recorded = last.files if last and last.code is StatusCode.SUCCEEDED else {}
            yield need, recorded or self._archive.outputs(job.workspace, need)
        for identifier in job.terms.get("input_job_ids", []):
            yield identifier, self._archive.outputs_of(job.workspace, identifier)
        named = job.terms.get("inputs", [])
        known = self._archive.files(job.workspace) if named else frozenset()
        for path in named:
            yield path, [path] if path in known else []

    def hand_plan_over(self, job: Job) -> bool:
        """Check the plan and make the workspace of the execute phase; answer True."""
        volume = self._volumes.of(job.id)
        self.check_network(job)
        volume.add(volume.execution)
        try:
            for path, digest in read_inputs(volume.plan):
                with open_beneath(volume.workspace, path) as stream:
                    copied = trees.write_beneath(volume.execution, path, stream)
                if copied.sha256 != digest:
                    raise PlanError(f"{path} does not have the digest that the plan names")
            for pattern in job.outputs:
                trees.make_folder(volume.execution, pattern.rpartition("/")[0])
        except (PlanError, UnsafePathError, FileNotFoundError, NotADirectoryError) as error:
            raise StageError(Reason.BAD_PLAN, str(error)) from error
        volume.hand_over(volume.execution)
        volume.write_secret(self._sandbox.database_url())
        volume.keep_plan()
        return True

    def check_network(self, job: Job) -> None:
        """Refuse a job with database access when the closed network is not there."""
        if self._sandbox.uses_database(job) and not self._executor.network_exists(
            self._settings.database_access_network
        ):
            raise StageError(Reason.NO_NETWORK)
