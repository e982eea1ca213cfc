"""Tasks from the wire: each becomes something to do, or is refused with a sentence.

A task has no signature. So the rules of this backend decide what it may do: organisations,
branches, images, the database, limits. Whoever controls the controller can run no more than that.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sallyport_common.errors import SallyportError
from sallyport_common.protocol import utc_text
from sallyport_runner.models import Job, JobRequest, TaskTerms
from sallyport_runner.services.git import CodeError, action_code, check
from sallyport_runner.services.requests import policy
from sallyport_runner.services.requests.policy import RequestError
from sallyport_runner.services.requests.tasks import fields
from sallyport_runner.services.requests.tasks.fields import MalformedTaskError
from sallyport_runner.settings import Settings
from sallyport_runner.tasks import TaskKind
from sallyport_study.images import unknown_image
from sallyport_study.names import text_problem
from sallyport_study.places import InvalidNameError, check_workspace

_IDENTIFIER = re.compile(r"[a-z0-9]{16}")
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE = re.compile(r"(?:[A-Za-z0-9._:-]+/)*([a-z0-9._-]+:[A-Za-z0-9._-]+)")
CANCEL = "-cancel"
"""What follows the id of a task in that of the task which cancels it."""
PASSED_ON = frozenset({"STATA_LICENSE"})
"""Variables that a job gets as the controller gives them."""


class RefusedTaskError(SallyportError):
    """A task is not acted upon; `kind` is a word for the metric, the text may leave."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Given:
    """A task: what it is called, of which type it is, and what it says."""

    id: str
    type: str
    definition: dict[str, Any]

    @property
    def runs(self) -> str:
        """The id of the task whose job this one is about."""
        return self.id.removesuffix(CANCEL) if self.type == TaskKind.CANCEL else self.id

    @property
    def job_id(self) -> str:
        """The id of the job, as far as the name of the task tells it."""
        job, dash, number = self.runs.rpartition("-")
        valid = dash and number.isdecimal() and _IDENTIFIER.fullmatch(job)
        return job if valid else ""


def task_id(row: Any) -> str | None:
    """Return the id of a row of the list; None for a row that cannot even be answered."""
    found = row.get("id") if isinstance(row, dict) else None
    return found if isinstance(found, str) and _TASK.fullmatch(found) else None


class TaskReader:
    """Reads tasks by the rules of one backend."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, row: dict[str, Any]) -> Given:
        """Return the task of a row with a sound id; raise RefusedTaskError."""
        try:
            given = Given(row["id"], fields.text(row, "type"), fields.mapping(row, "definition"))
            backend = fields.text(row, "backend")
        except MalformedTaskError as error:
            raise malformed(error) from error
        if backend != self._settings.backend:
            raise RefusedTaskError("backend", "The task is for another backend.")
        return given

    def job(self, given: Given) -> tuple[JobRequest, Job]:
        """Return request and job of a task that runs one; raise RefusedTaskError."""
        try:
            terms, definition = self._terms(given), given.definition
            request = _request(definition)
            job = self._job(request, definition, terms)
            self._check(request, job, definition)
        except MalformedTaskError as error:
            raise malformed(error) from error
        except (RequestError, CodeError, InvalidNameError) as error:
            raise RefusedTaskError("policy", str(error)) from error
        return request, job

    def _terms(self, given: Given) -> TaskTerms:
        definition = given.definition
        if fields.text(definition, "task_id") != given.id or not given.job_id:
            raise MalformedTaskError("task_id")
        terms = TaskTerms(
            task_id=given.id,
            created_at=fields.moment(definition, "created_at"),
            image_sha=fields.matching(definition, "image_sha", _DIGEST),
            inputs=fields.words(definition, "inputs"),
            input_job_ids=fields.words(definition, "input_job_ids"),
            cpu_count=fields.number(definition, "cpu_count"),
            memory=fields.size(definition, "memory_limit"),
            max_rows=fields.whole(definition, "level4_max_csv_rows"),
            max_bytes=fields.whole(definition, "level4_max_filesize"),
            suffixes=fields.words(definition, "level4_file_types"),
        )
        if not all(map(_IDENTIFIER.fullmatch, terms["input_job_ids"])):
            raise MalformedTaskError("input_job_ids")
        code = [fields.text(definition, "repo_url"), fields.text(definition, "commit")]
        study = fields.texts(definition, "study")
        if code != [study.get("git_repo_url"), study.get("commit")]:
            terms["code"] = code
        return terms | self._environment(fields.texts(definition, "env"))

    def _environment(self, environment: dict[str, str]) -> TaskTerms:
        """Return what of a task's variables counts; the sandbox sets all others by itself."""
        if environment.get("OPENSAFELY_BACKEND", self._settings.backend) != self._settings.backend:
            raise RefusedTaskError("backend", "The task is for another backend.")
        known = {"OPENSAFELY_BACKEND", "EHRQL_PERMISSIONS"} | PASSED_ON
        if not known.issuperset(environment):
            raise RequestError("The task sets a variable that this backend gives to no job.")
        terms = TaskTerms(
            environment={name: environment[name] for name in PASSED_ON & environment.keys()}
        )
        if "EHRQL_PERMISSIONS" in environment:
            try:
                named = {"EHRQL_PERMISSIONS": json.loads(environment["EHRQL_PERMISSIONS"])}
            except (ValueError, RecursionError) as error:
                raise MalformedTaskError("env") from error
            terms["permissions"] = fields.words(named, "EHRQL_PERMISSIONS")
        return terms

    def _job(self, request: JobRequest, definition: dict[str, Any], terms: TaskTerms) -> Job:
        image = fields.matching(definition, "image", _IMAGE).rpartition("/")[2]
        arguments, action = fields.words(definition, "args"), fields.text(definition, "action")
        if text_problem(action):
            raise MalformedTaskError("action")
        created = datetime.fromtimestamp(terms["created_at"], UTC)
        return Job(
            id=fields.matching(definition, "id", _IDENTIFIER),
            request_id=request.identifier,
            workspace=request.workspace,
            action=action,
            run_command=" ".join([image, *arguments]),
            words=[image, *arguments],
            outputs=fields.outputs(definition, "output_spec"),
            requires_db=fields.flag(definition, "allow_database_access"),
            created_at=utc_text(created),
            updated_at=utc_text(created),
            terms=terms,
        )

    def _check(self, request: JobRequest, job: Job, definition: dict[str, Any]) -> None:
        """Raise for a job that this backend does not run."""
        if job.id != Given(job.terms["task_id"], TaskKind.RUN, {}).job_id:
            raise MalformedTaskError("id")
        organisations = self._settings.allowed_github_orgs
        check_workspace(request.workspace)
        if not request.branch:
            raise MalformedTaskError("study")
        check(request.repo, request.branch, request.sha, organisations)
        action_code(job.terms, organisations)
        policy.check_live(self._settings, request.workspace)
        policy.check_branch(self._settings, request.branch)
        self._check_image(job)
        if job.requires_db:
            policy.check_database(self._settings, fields.text(definition, "database_name"))
            self._check_database(job)

    def _check_image(self, job: Job) -> None:
        image, known = job.words[0], self._settings.image_digests
        images = self._settings.images
        if image.partition(":")[0] not in images:
            raise RequestError(unknown_image(job.action, image, images.names))
        if problem := images.tag_problem(image):
            raise RequestError(f"The action '{job.action}' uses '{image}', {problem}")
        if known.get(image, job.terms["image_sha"]) != job.terms["image_sha"]:
            raise RequestError(f"This backend runs another version of the image '{image}'.")

    def _check_database(self, job: Job) -> None:
        own = "code" not in job.terms  # a reusable action may not, as with requests
        if not own or not self._settings.images.queries_database(job.words):
            raise RequestError(f"The action '{job.action}' may not use the database.")
        policy.check_database_workspace(self._settings, job.workspace)


def malformed(error: MalformedTaskError) -> RefusedTaskError:
    """Return the refusal of a task whose field is not understood."""
    return RefusedTaskError("malformed", f"This backend does not understand '{error}' of the task.")


def _request(definition: dict[str, Any]) -> JobRequest:
    """Return the request that a task belongs to; its tasks agree on all of it."""
    study = fields.texts(definition, "study")
    content = {name: fields.text(study, name) for name in ("git_repo_url", "commit", "branch")}
    content["workspace"] = fields.text(definition, "workspace")
    created = datetime.fromtimestamp(fields.moment(definition, "created_at"), UTC)
    return JobRequest(
        identifier=fields.matching(definition, "rap_id", _IDENTIFIER),
        payload_digest=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        workspace=content["workspace"],
        repo=content["git_repo_url"],
        branch=content["branch"],
        sha=content["commit"],
        requested_actions=[],
        created_by=fields.text(definition, "user"),
        created_at=utc_text(created),
        admitted=True,
    )
