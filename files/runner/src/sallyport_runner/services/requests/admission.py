"""From a request to jobs: checks, project.yaml, and which actions have to run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sallyport_common.errors import SallyportError
from sallyport_common.protocol import ERROR_ACTION, JobRow, State, StatusCode, utc_now_text
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Job, JobRequest, Reason
from sallyport_runner.services.checkouts import Checkouts
from sallyport_runner.services.git import Git, code_of
from sallyport_runner.services.requests import policy
from sallyport_runner.services.requests.jobs import job_of
from sallyport_runner.services.requests.mirrored import MirroredActions
from sallyport_runner.services.requests.policy import RequestError
from sallyport_runner.services.requests.recovery import Recovery
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store
from sallyport_study import Action, Project, decode_project, parse_project
from sallyport_study.places import check_workspace
from sallyport_study.reusable import Command, commands
from sallyport_study.selection import to_run

log = logging.getLogger(__name__)


class StaleCodelistsError(RequestError):
    """The request extracts data with codelists that are out of date."""


class Admission:
    """Makes the jobs of requests."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        source: Git,
        checkouts: Checkouts,
        recovery: Recovery,
    ) -> None:
        self._settings, self._store, self._source = settings, store, source
        self._checkouts, self._recovery = checkouts, recovery

    def admit(self, request: JobRequest) -> bool:
        """Make the jobs of a request, or the one job that says why there are none; answer True."""
        actions: list[str] = []
        rows = self._recovery.rows(request)
        try:
            project = self._project(request)
            actions = list(project.actions)
            jobs = self._jobs(request, project, rows)
        except SallyportError as error:
            log.info("request failed", extra={"request": request.identifier, "problem": str(error)})
            rest = {name: row for name, row in rows.items() if name != ERROR_ACTION}
            stale = isinstance(error, StaleCodelistsError)
            code = StatusCode.STALE_CODELISTS if stale else StatusCode.INVALID_REQUEST
            failed = failed_job(request, str(error), code)
            jobs = [failed, *self._recovery.restore(request, {}, rest)]
        self._store.admit(request.identifier, jobs, actions)
        if request.cancelled_actions:
            self._store.cancel(request.identifier, request.cancelled_actions, utc_now_text())
        return True

    def _project(self, request: JobRequest) -> Project:
        self._check(request)
        code = code_of(request, self._settings.allowed_github_orgs)
        repository = self._checkouts.check(code)
        content = self._source.read(repository, request.sha, "project.yaml")
        return parse_project(decode_project(content))

    def _check(self, request: JobRequest) -> None:
        """Raise RequestError or InvalidNameError for a request that is wrong in itself."""
        if request.expired:
            raise RequestError("The request is older than its signature allows; submit it again.")
        if not request.requested_actions:
            raise RequestError("The request names no action; submit it again with one.")
        check_workspace(request.workspace)
        policy.check_live(self._settings, request.workspace)
        policy.check_branch(self._settings, request.branch)
        policy.check_database(self._settings, request.database_name)

    def _jobs(self, request: JobRequest, project: Project, rows: Mapping[str, JobRow]) -> list[Job]:
        latest = self._store.latest_jobs(request.workspace)
        if rows:
            # What had to run was decided once, and the server has every job of it. Its list is
            # not signed, so it can name no action that the request did not ask for.
            asked_for = project.order(project.expand(request.requested_actions))
            needed: Sequence[str] = [name for name in asked_for if name in rows]
        else:
            needed = self._needed(request, project, latest)
        commands = self._commands([project.actions[name] for name in needed])
        jobs: dict[str, Job] = {}
        for name in needed:
            awaited = [
                (jobs.get(need) or latest[need]).id
                for need in project.actions[name].needs
                if need in jobs or (need in latest and latest[need].active)
            ]
            jobs[name] = job_of(request, project.actions[name], commands[name], awaited)
        self._refuse(request, jobs)
        if rows:
            return self._recovery.restore(request, jobs, rows)
        return self._recovery.fresh(request, jobs.values()) or [nothing_to_do(request)]

    def _commands(self, actions: Sequence[Action]) -> dict[str, Command]:
        """Return what actions run; raise ProjectError for images that this backend lacks."""
        settings = self._settings
        source = None
        if settings.action_organisation:
            home, branch = settings.action_organisation, settings.action_branch
            source = MirroredActions(home, branch, self._source, self._checkouts)
        return commands(actions, settings.images, source)

    def _refuse(self, request: JobRequest, jobs: Mapping[str, Job]) -> None:
        """Raise for jobs that this backend cannot run."""
        if not request.codelists_ok and any(job.requires_db for job in jobs.values()):
            raise StaleCodelistsError(
                "The study's codelists are out of date; update them and submit again."
            )
        if any(job.requires_db for job in jobs.values()):
            policy.check_database_workspace(self._settings, request.workspace)

    def _needed(
        self, request: JobRequest, project: Project, latest: dict[str, Job]
    ) -> Sequence[str]:
        """Return the actions to run, each after those it needs."""
        return to_run(
            project,
            request.requested_actions,
            succeeded={name for name, job in latest.items() if job.state is State.SUCCEEDED},
            active={name for name, job in latest.items() if job.active},
            force=request.force_run_dependencies,
        )


def _ended(
    request: JobRequest,
    action: str,
    code: StatusCode,
    reason: Reason = Reason.NONE,
    problem: str = "",
) -> Job:
    now = utc_now_text()
    return Job(
        id=job_identifier(request.identifier, action),
        request_id=request.identifier,
        workspace=request.workspace,
        action=action,
        code=code,
        reason=reason,
        problem=problem,
        created_at=now,
        updated_at=now,
        started_at=now,
        completed_at=now,
    )


def failed_job(request: JobRequest, problem: str, code: StatusCode) -> Job:
    """Return the job that stands for a request that cannot be run; `problem` says why."""
    return _ended(request, ERROR_ACTION, code, problem=problem)


def nothing_to_do(request: JobRequest) -> Job:
    """Return the job that stands for a request whose actions are all done or under way."""
    action = request.requested_actions[0]
    return _ended(request, action, StatusCode.SUCCEEDED, Reason.NOTHING_TO_DO)
