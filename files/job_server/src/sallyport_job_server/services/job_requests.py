"""Job requests: what can be run, asking for it, cancelling it, looking at it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sallyport_common.problems import ForbiddenError, NotFoundError, Problem
from sallyport_common.protocol import ERROR_ACTION, OPEN_STATES, State
from sallyport_job_server.models import (
    CANCELLED,
    Backend,
    Job,
    JobRequest,
    Outcome,
    User,
    Workspace,
)
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock, runnable
from sallyport_job_server.services.job_queue import latest_statuses
from sallyport_job_server.services.repositories import Repositories, Source
from sallyport_job_server.services.signer import Signer
from sallyport_job_server.services.submissions import Submission
from sallyport_job_server.storage import backends, requests, tables
from sallyport_job_server.storage.database import Change, Database, add, put
from sallyport_study import Action, Project, ProjectError, parse_project

DATABASE = "default"


@dataclass(frozen=True)
class Offer:
    """What a person may ask for: the project at a branch's head, or why it cannot be read."""

    workspace: Workspace
    sha: str
    actions: Sequence[Action]
    warnings: Sequence[str]
    problems: Sequence[str]
    statuses: dict[str, str]
    backends: list[Backend]


@dataclass(frozen=True)
class RequestView:
    """A job request with its jobs, as one person sees it."""

    request: JobRequest
    jobs: list[Job]
    may_cancel: bool = False
    may_run: bool = False

    @property
    def status(self) -> str:
        """The status shown for the whole request."""
        return status_of({job.status for job in self.jobs})

    @property
    def shown(self) -> str:
        """The status that people are shown, which may be cancelled."""
        return shown_status(self.jobs)

    @property
    def actions(self) -> list[Job]:
        """The jobs of actions, without the one that says why a request could not be run."""
        return [job for job in self.jobs if job.action != ERROR_ACTION]

    @property
    def problem(self) -> str:
        """Why the request could not be run, in lines; empty if it could."""
        return "\n".join(job.message for job in self.jobs if job.action == ERROR_ACTION)

    @property
    def ended(self) -> int:
        """How many jobs of actions have ended."""
        return sum(State(job.status).final for job in self.actions)

    @property
    def final(self) -> bool:
        """Return whether every job has ended."""
        return bool(self.jobs) and all(State(job.status).final for job in self.jobs)

    @property
    def cancelling(self) -> bool:
        """Return whether everything that has not ended was cancelled."""
        open_actions = {job.action for job in self.jobs if not State(job.status).final}
        return bool(self.request.cancelled_actions) and open_actions <= set(
            self.request.cancelled_actions
        )


@dataclass(frozen=True)
class RequestLine:
    """A job request in a list, with the status that people are shown."""

    request: JobRequest
    shown: str


def status_of(statuses: Collection[str]) -> str:
    """Return the status of a request from those of its jobs; one that is under way is running."""
    different = set(statuses)
    if len(different) <= 1:
        return different.pop() if different else State.PENDING
    if different & OPEN_STATES:
        return State.RUNNING
    return State.FAILED if State.FAILED in different else CANCELLED


def shown_status(outcomes: Iterable[Outcome]) -> str:
    """Return the status of a request that people are shown: cancelled unless a job failed."""
    return status_of({outcome.shown for outcome in outcomes})


class JobRequests:
    """The use cases around job requests."""

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        signer: Signer,
        lifetime: int,
        new_identifier: Callable[[], str],
    ) -> None:
        self._database, self._repositories, self._signer = database, repositories, signer
        self._lifetime, self._new_identifier = lifetime, new_identifier

    def offer(self, user: User, workspace_name: str) -> Offer:
        """Read the project at the head of a workspace's branch; problems are part of the answer."""
        workspace, offered = self._runnable(user, workspace_name)
        with self._database.read() as connection:
            latest = requests.latest_outcomes(connection, workspace.id)
        statuses = {action: last.shown for action, last in latest.items()}
        try:
            source = self._repositories.head(workspace.repo, workspace.branch)
        except Problem as problem:
            return Offer(workspace, "", [], [], [str(problem)], statuses, offered)
        try:
            project = parse_project(source.project_yaml)
        except ProjectError as error:
            return Offer(workspace, source.sha, [], [], error.problems, statuses, offered)
        actions = list(project.actions.values())
        return Offer(workspace, source.sha, actions, project.warnings, [], statuses, offered)

    def create(
        self,
        user: User,
        *,
        workspace_name: str,
        backend_slug: str,
        actions: Iterable[str],
        force: bool = False,
        branch: str = "",
        sha: str = "",
        key: str = "",
    ) -> JobRequest:
        """Accept, sign and keep a request; raise Problem, or ProjectError for its project.yaml.

        `sha` is the commit that the person looked at; one that is no longer the branch's head is
        refused, so that nobody runs what they have not seen. What comes again under the same
        `key` is the same request.
        """
        requested = list(dict.fromkeys(actions))
        content = [workspace_name, backend_slug, requested, force, branch, sha]
        submission = Submission(user, key, content)
        workspace, offered = self._runnable(user, workspace_name)
        with self._database.read() as connection:
            if earlier := submission.earlier(connection):
                return earlier
        backend = _chosen(offered, backend_slug)
        branch = checks.branch(branch) if branch else workspace.branch
        source = self._head(workspace, branch, sha)
        if not requested:
            raise Problem("Select at least one action.")
        project = parse_project(source.project_yaml)
        planned = project.order(requested)
        again = planned if force else project.expand(requested)
        self._check_runnable(workspace, backend, project, planned, again)
        request = {
            "identifier": self._new_identifier(),
            "sha": source.sha,
            "branch": branch,
            "requested_actions": requested,
            "force_run_dependencies": force,
            "database_name": DATABASE,
            "codelists_ok": True,
            "created_at": clock.now(),
            "expires_at": clock.until(self._lifetime),
        }
        with self._database.change(user.username) as change:
            if earlier := submission.earlier(change.connection):  # sent twice at once
                return earlier
            study: dict[str, object] = {
                "project_yaml": source.project_yaml,
                "planned_actions": planned,
            }
            self._keep(change, user, workspace, backend, request, study)
            identifier = str(request["identifier"])
            stored = _required(requests.by_identifier(change.connection, identifier), identifier)
            submission.keep(change.connection, stored)
        return stored

    def _head(self, workspace: Workspace, branch: str, sha: str) -> Source:
        """Return the head of a branch; raise Problem if it is not the commit `sha`, if given."""
        source = self._repositories.head(workspace.repo, branch)
        if sha and sha != source.sha:
            raise Problem(
                f"The branch {branch} moved from {sha[:7]} to {source.sha[:7]} in the meantime; "
                "check the actions and submit again."
            )
        return source

    def _check_runnable(
        self,
        workspace: Workspace,
        backend: Backend,
        project: Project,
        planned: Sequence[str],
        again: Collection[str],
    ) -> None:
        """Raise ProjectError for actions that a backend cannot run.

        The outputs of an action that succeeded and is not run `again` are there in any case.
        """
        with self._database.read() as connection:
            latest = requests.latest_outcomes(connection, workspace.id, backend.id)
        done = {name for name, last in latest.items() if last.status == State.SUCCEEDED}
        names = [name for name in planned if name in again or name not in done]
        runnable.check(backend, [project.actions[name] for name in names], self._repositories)

    def _keep(
        self,
        change: Change,
        user: User,
        workspace: Workspace,
        backend: Backend,
        request: dict[str, object],
        study: dict[str, object],
    ) -> None:
        names = {
            "backend": backend.slug,
            "workspace": workspace.name,
            "repo": workspace.repo,
            "created_by": user.username,
            "permissions": {},
        }
        add(
            change.connection,
            tables.job_requests,
            workspace_id=workspace.id,
            backend_id=backend.id,
            created_by_id=user.id,
            cancelled_actions=[],
            envelope=self._signer.envelope(request | names),
            **request,
            **study,
        )
        change.touch(backend.id)
        change.record("job_request.create", str(request["identifier"]), **request, **names)

    def _runnable(self, user: User, name: str) -> tuple[Workspace, list[Backend]]:
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, name)
            access.require(connection, user, Permission.JOB_RUN, workspace.project_id)
            if workspace.archived:
                raise ForbiddenError(f"The workspace '{name}' is archived: nothing runs in it.")
            offered = [one for one in backends.of_user(connection, user.id) if one.is_active]
            return workspace, offered

    def look(self, user: User, identifier: str) -> RequestView:
        """Return a request and its jobs; one of a foreign project looks like a missing one."""
        with self._database.read() as connection:
            request = _required(requests.by_identifier(connection, identifier), identifier)
            try:
                workspace = access.visible_workspace(connection, user, request.workspace)
            except NotFoundError:
                raise NotFoundError(f"There is no job request '{identifier}'.") from None
            allowed = access.permissions(connection, user, workspace.project_id)
            view = RequestView(
                request,
                requests.jobs_of(connection, [request.id]),
                may_cancel=request.created_by_id == user.id or Permission.JOB_CANCEL in allowed,
                may_run=Permission.JOB_RUN in allowed and not workspace.archived,
            )
        return view

    def history(
        self, user: User, workspace_name: str, search: str, page: int, size: int
    ) -> list[RequestLine]:
        """Return one page of a workspace's requests, newest first."""
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, workspace_name)
            rows = requests.of_workspace(
                connection, workspace.id, search=search, limit=size, offset=(page - 1) * size
            )
            return _lines(connection, rows)

    def latest(self, workspaces: Sequence[Workspace], limit: int) -> list[RequestLine]:
        """Return the newest requests of workspaces that the caller may see."""
        with self._database.read() as connection:
            rows = requests.latest(connection, [one.id for one in workspaces], limit)
            return _lines(connection, rows)

    def project_yaml(self, request: JobRequest) -> str:
        """Return the project.yaml of a request that the caller may see."""
        with self._database.read() as connection:
            return requests.project_yaml(connection, request.id)

    def cancel(self, user: User, identifier: str, actions: Iterable[str] | None) -> RequestView:
        """Ask for some actions, or all, to be stopped; doing it twice changes nothing."""
        view = self.look(user, identifier)
        if not view.may_cancel:
            raise ForbiddenError(
                "A job request can be cancelled by the person who submitted it, or by somebody "
                "with the permission job_cancel."
            )
        unfinished = self._unfinished(view)
        selected = unfinished if actions is None else list(actions)
        names = {*unfinished, *(job.action for job in view.jobs)}
        unknown = [name for name in selected if name not in names]
        if unknown:
            raise Problem(f"This request has no action '{unknown[0]}'.")
        with self._database.change(user.username) as change:
            request = _required(requests.by_identifier(change.connection, identifier), identifier)
            cancelled = sorted({*request.cancelled_actions, *selected})
            if cancelled != request.cancelled_actions:
                table = tables.job_requests
                put(change.connection, table, request.id, cancelled_actions=cancelled)
                change.touch(request.backend_id)
                change.record("job_request.cancel", identifier, actions=sorted(selected))
        return self.look(user, identifier)

    def rerun(self, user: User, identifier: str, key: str = "") -> JobRequest:
        """Ask for the same actions again, of what is now at the head of the branch."""
        request = self.look(user, identifier).request
        return self.create(
            user,
            workspace_name=request.workspace,
            backend_slug=request.backend,
            actions=request.requested_actions,
            force=request.force_run_dependencies,
            branch=request.branch,
            key=key,
        )

    def warnings(self, request: JobRequest) -> Sequence[str]:
        """Return what the author of an accepted request's project.yaml should look at."""
        return parse_project(self.project_yaml(request)).warnings

    def statuses(self, workspace: Workspace) -> dict[str, str]:
        """Return the latest status of each action of a workspace."""
        with self._database.read() as connection:
            return latest_statuses(connection, workspace.id)

    def _unfinished(self, view: RequestView) -> list[str]:
        """Return the actions that may still run: without jobs yet, whatever the runner may make."""
        if view.jobs:
            return sorted({job.action for job in view.jobs if not State(job.status).final})
        planned = view.request.planned_actions
        if planned is None:  # a request from before they were kept
            project = parse_project(self.project_yaml(view.request))
            planned = project.order(view.request.requested_actions)
        return sorted(planned)


def _lines(connection: Connection, rows: Sequence[JobRequest]) -> list[RequestLine]:
    outcomes = requests.outcomes(connection, [request.id for request in rows])
    return [RequestLine(request, shown_status(outcomes.get(request.id, ()))) for request in rows]


def _chosen(offered: Sequence[Backend], slug: str) -> Backend:
    for backend in offered:
        if backend.slug == slug:
            return backend
    names = ", ".join(backend.slug for backend in offered) or "none"
    raise Problem(f"You do not have access to the backend '{slug}'. You can use: {names}.")


def _required(request: JobRequest | None, identifier: str) -> JobRequest:
    if request is None:
        raise NotFoundError(f"There is no job request '{identifier}'.")
    return request
