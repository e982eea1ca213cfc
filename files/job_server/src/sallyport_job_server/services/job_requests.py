"""Job requests: what can be run, asking for it, cancelling it, looking at it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from sallyport_common.problems import ForbiddenError, Problem
from sallyport_common.protocol import OPEN_STATES, State
from sallyport_job_server.models import Backend, JobRequest, User, Workspace
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock, runnable
from sallyport_job_server.services.history import History, required
from sallyport_job_server.services.repositories import Repositories, Source
from sallyport_job_server.services.request_views import RequestView
from sallyport_job_server.services.signer import Signer
from sallyport_job_server.services.submissions import Submission
from sallyport_job_server.storage import backends, requests, tables
from sallyport_job_server.storage.database import Change, Database, add, put
from sallyport_study import Action, Project, ProjectError, parse_project
from sallyport_study.selection import to_run

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
    project: Project | None = None


@dataclass(frozen=True)
class Plan:
    """Names of actions: those that would run, that succeeded before, and that run already."""

    run: list[str]
    kept: list[str]
    under_way: list[str]


class JobRequests:
    """The use cases around job requests."""

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        signer: Signer,
        history: History,
        lifetime: int,
        new_identifier: Callable[[], str],
    ) -> None:
        self._database, self._repositories, self._signer = database, repositories, signer
        self._history = history
        self._lifetime, self._new_identifier = lifetime, new_identifier

    def offer(self, user: User, workspace_name: str, sha: str = "") -> Offer:
        """Read the project at the head of a workspace's branch; problems are part of the answer.

        With `sha` the one of that commit, if it was looked at a moment ago.
        """
        workspace, offered = self._runnable(user, workspace_name)
        with self._database.read() as connection:
            latest = requests.latest_outcomes(connection, workspace.id)
        statuses = {action: last.shown for action, last in latest.items()}
        try:
            source = self._repositories.seen(workspace.repo, sha) or self._repositories.head(
                workspace.repo, workspace.branch
            )
        except Problem as problem:
            return Offer(workspace, "", [], [], [str(problem)], statuses, offered)
        try:
            project = parse_project(source.project_yaml)
        except ProjectError as error:
            return Offer(workspace, source.sha, [], [], error.problems, statuses, offered)
        actions = list(project.actions.values())
        return Offer(
            workspace, source.sha, actions, project.warnings, [], statuses, offered, project
        )

    def plan(
        self, offer: Offer, backend_slug: str, requested: Sequence[str], *, force: bool
    ) -> Plan:
        """Return what would run; raise Problem or ProjectError for what cannot be asked for."""
        backend = _chosen(offer.backends, backend_slug)
        if offer.project is None or not requested:
            return Plan([], [], [])
        with self._database.read() as connection:
            latest = requests.latest_outcomes(connection, offer.workspace.id, backend.id)
        active = {name for name, last in latest.items() if last.status in OPEN_STATES}
        done = {name for name, last in latest.items() if last.status == State.SUCCEEDED}
        run = to_run(offer.project, requested, succeeded=done, active=active, force=force)
        chosen = set(run)
        rest = [name for name in offer.project.order(requested) if name not in chosen]
        return Plan(
            run,
            kept=[name for name in rest if name not in active],
            under_way=[name for name in rest if name in active],
        )

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
        note: str = "",
    ) -> JobRequest:
        """Accept, sign and keep a request; raise Problem, or ProjectError for its project.yaml.

        `sha` is the commit that the person looked at; one that is no longer the branch's head is
        refused, so that nobody runs what they have not seen. What comes again under the same
        `key` is the same request.
        """
        requested = list(dict.fromkeys(actions))
        note = checks.optional_text("note", note, tables.LONGEST_NOTE)
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
                "planned_needs": {name: project.needs[name] for name in planned},
                "note": note,
            }
            stored = self._keep(change, user, workspace, backend, request, study)
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
    ) -> JobRequest:
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
        identifier = str(request["identifier"])
        change.record("job_request.create", identifier, **request, **names)
        return required(requests.by_identifier(change.connection, identifier), identifier)

    def _runnable(self, user: User, name: str) -> tuple[Workspace, list[Backend]]:
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, name)
            access.require(connection, user, Permission.JOB_RUN, workspace.project_id)
            if workspace.archived:
                raise ForbiddenError(f"The workspace '{name}' is archived: nothing runs in it.")
            offered = [one for one in backends.of_user(connection, user.id) if one.is_active]
            return workspace, offered

    def cancel(self, user: User, identifier: str, actions: Iterable[str] | None) -> RequestView:
        """Ask for some actions, or all, to be stopped; doing it twice changes nothing."""
        view = self._history.look(user, identifier)
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
            request = required(requests.by_identifier(change.connection, identifier), identifier)
            cancelled = sorted({*request.cancelled_actions, *selected})
            if cancelled != request.cancelled_actions:
                table = tables.job_requests
                put(change.connection, table, request.id, cancelled_actions=cancelled)
                change.touch(request.backend_id)
                change.record("job_request.cancel", identifier, actions=sorted(selected))
        return self._history.look(user, identifier)

    def rerun(self, user: User, identifier: str, key: str = "") -> JobRequest:
        """Ask for the same actions again, of what is now at the head of the branch."""
        request = self._history.look(user, identifier).request
        return self._again(user, request, request.requested_actions, key)

    def rerun_job(self, user: User, identifier: str, key: str = "") -> JobRequest:
        """Ask for the action of a job again, of what is now at the head of the branch."""
        view = self._history.job(user, identifier)
        return self._again(user, view.request, [view.job.action], key)

    def _again(
        self, user: User, request: JobRequest, actions: Sequence[str], key: str
    ) -> JobRequest:
        return self.create(
            user,
            workspace_name=request.workspace,
            backend_slug=request.backend,
            actions=actions,
            force=request.force_run_dependencies,
            branch=request.branch,
            key=key,
        )

    def warnings(self, request: JobRequest) -> Sequence[str]:
        """Return what the author of an accepted request's project.yaml should look at."""
        return parse_project(self._history.project_yaml(request)).warnings

    def _unfinished(self, view: RequestView) -> list[str]:
        """Return the actions that may still run: without jobs yet, whatever the runner may make."""
        if view.jobs:
            return sorted({job.action for job in view.jobs if not State(job.status).final})
        planned = view.request.planned_actions
        if planned is None:  # a request from before they were kept
            project = parse_project(self._history.project_yaml(view.request))
            planned = project.order(view.request.requested_actions)
        return sorted(planned)


def _chosen(offered: Sequence[Backend], slug: str) -> Backend:
    for backend in offered:
        if backend.slug == slug:
            return backend
    names = ", ".join(backend.slug for backend in offered) or "none"
    raise ForbiddenError(f"You do not have access to the backend '{slug}'. You can use: {names}.")
