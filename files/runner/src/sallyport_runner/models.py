"""What the runner keeps: job requests and jobs. No I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sallyport_common.protocol import State, StatusCode, state_of
from sallyport_runner.profile import JOB_USER

KILLED_EXIT = 137
"""The exit code after SIGKILL: that of the kernel when memory runs out, or of a person."""
KILLED_EXITS = frozenset({KILLED_EXIT, 143, 255})


class Phase(enum.StrEnum):
    """Which container of a job is meant."""

    RUN = "run"
    COMPILE = "compile"
    EXECUTE = "execute"


class Stop(enum.StrEnum):
    """Why the runner ended a container."""

    NONE = ""
    CANCELLED = "cancelled"
    ADMIN = "admin"
    TIME_LIMIT = "time_limit"
    DISK_LIMIT = "disk_limit"

    @property
    def by_hand(self) -> bool:
        """Return whether a person asked for it: outputs of such a job are not kept."""
        return self in (Stop.CANCELLED, Stop.ADMIN)


class Reason(enum.StrEnum):
    """What is said about a status code beyond the code itself; each has one fixed sentence."""

    NONE = ""
    NOTHING_TO_DO = "nothing_to_do"
    WITHHELD = "withheld"
    FULL_WORKSPACE = "full_workspace"
    STOPPING = "stopping"
    DISK_SPACE = "disk_space"
    SELF_TEST = "self_test"
    RETRY = "retry"
    RETRY_ENGINE = "retry_engine"
    RETRY_REGISTRY = "retry_registry"
    RETRY_CODE = "retry_code"
    RETRY_RECORDING = "retry_recording"
    GAVE_UP = "gave_up"
    STUCK_PREPARING = "stuck_preparing"
    STUCK_STARTING = "stuck_starting"
    STUCK_ENDING = "stuck_ending"
    STUCK_RECORDING = "stuck_recording"
    NO_ENGINE = "no_engine"
    NO_REGISTRY = "no_registry"
    NO_FORGE = "no_forge"
    OUT_OF_MEMORY = "out_of_memory"
    PART_KILLED = "part_killed"
    KILLED = "killed"
    TIME_LIMIT = "time_limit"
    DISK_LIMIT = "disk_limit"
    NO_DATABASE = "no_database"
    NO_NETWORK = "no_network"
    NO_INPUT = "no_input"
    CHANGED_INPUT = "changed_input"
    NO_IMAGE = "no_image"
    NO_CODE = "no_code"
    BAD_PLAN = "bad_plan"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    NO_RECORD = "no_record"
    DB_TRANSIENT = "db_transient"
    DB_IMPORT = "db_import"
    DB_PROBLEM = "db_problem"
    BAD_ARGUMENTS = "bad_arguments"
    TOO_COMPLEX = "too_complex"
    BAD_DEFINITION = "bad_definition"
    BAD_DATA_FILE = "bad_data_file"
    NO_PERMISSION = "no_permission"
    ASSURANCE = "assurance"
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A request as it was accepted: from the signed payload where keys are configured.

    `reported` are the job rows that the server had when this runner first saw the request: there
    are some only where an earlier database of this runner was lost.
    """

    identifier: str
    payload_digest: str
    workspace: str
    repo: str
    branch: str
    sha: str
    requested_actions: list[str]
    cancelled_actions: list[str] = field(default_factory=list)
    force_run_dependencies: bool = False
    database_name: str = "default"
    codelists_ok: bool = True
    created_by: str = ""
    created_at: str = ""
    expired: bool = False
    permissions: list[str] = field(default_factory=list)
    admitted: bool = False
    actions: list[str] = field(default_factory=list)
    reported: list[dict[str, Any]] = field(default_factory=list)

    @property
    def restored(self) -> bool:
        """Return whether only its jobs are known, from the history after a lost database."""
        return not self.payload_digest


class TaskTerms(TypedDict, total=False):
    """What a task of the task API says about its job beyond a classic request; sizes in bytes.

    The limits are the controller's: they count where they are below those of this backend.
    `code` is the repository and commit of a reusable action, `environment` has what the sandbox
    does not set by itself.
    """

    task_id: str
    created_at: int
    image_sha: str
    code: list[str]
    inputs: list[str]
    input_job_ids: list[str]
    permissions: list[str]
    environment: dict[str, str]
    cpu_count: float
    memory: int
    max_rows: int
    max_bytes: int
    suffixes: list[str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One action of a request, from pending to its end.

    `attempt` rises whenever the job returns to pending, `interruptions` where nobody asked for
    that, `epoch` at each start of a container.
    `revision` rises with each change; `posted` is the revision that the job server has.
    `server_message` is what the server had as the message of a job that it told us about.
    `terms` is empty except for a job of the task API.
    `origin` has repo, tag and commit of a reusable action, and is empty for the study's own code.
    """

    id: str
    request_id: str
    workspace: str
    action: str
    run_command: str = ""
    words: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    wait_for: list[str] = field(default_factory=list)
    requires_db: bool = False
    origin: dict[str, str] = field(default_factory=dict)
    code: StatusCode = StatusCode.CREATED
    reason: Reason = Reason.NONE
    problem: str = ""
    server_message: str = ""
    unmatched: list[str] = field(default_factory=list)
    attempt: int = 1
    interruptions: int = 0
    phase: Phase = Phase.RUN
    epoch: int = 0
    image: str = ""
    files: dict[str, str] = field(default_factory=dict)
    run_record: str = ""
    stop: Stop = Stop.NONE
    cancelled_at: str | None = None
    created_at: str = ""
    created_order: int = 0
    updated_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    container_started: float = 0.0
    """When the container started, in seconds of the host's monotonic clock since it booted."""
    metrics: dict[str, float] = field(default_factory=dict)
    terms: TaskTerms = field(default_factory=TaskTerms)
    revision: int = 1
    posted: int = 0

    @property
    def state(self) -> State:
        """The coarse state that the code belongs to."""
        return state_of(self.code)

    @property
    def active(self) -> bool:
        """Return whether the job has not ended."""
        return not self.state.final

    @property
    def run_key(self) -> str:
        """Names this attempt: what a step of an earlier one returns does not count for it."""
        return f"{self.id} {self.attempt}"

    @property
    def container(self) -> str:
        """The name of the container of the present phase; the name is the lock."""
        return container_name(self.id, self.phase)

    @property
    def containers(self) -> list[str]:
        """The names that its containers can have; only a job that uses a database compiles."""
        phases = [Phase.RUN, Phase.COMPILE] if self.requires_db else [Phase.RUN]
        return [container_name(self.id, phase) for phase in phases]


class JobDetails(TypedDict, total=False):
    """Fields of a job that change while it runs, beside code and reason."""

    wait_for: list[str]
    problem: str
    unmatched: list[str]
    attempt: int
    interruptions: int
    phase: Phase
    epoch: int
    image: str
    files: dict[str, str]
    run_record: str
    stop: Stop
    started_at: str | None
    completed_at: str | None
    container_started: float
    metrics: dict[str, float]


class JobChanges(JobDetails, total=False):
    """Everything about a job that the store may change."""

    code: StatusCode
    reason: Reason
    updated_at: str


def container_name(job_id: str, phase: Phase) -> str:
    """Return the name of a job's container."""
    suffix = "-compile" if phase is Phase.COMPILE else ""
    return f"os-job-{job_id}{suffix}"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder or file of the host inside a container."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """All that decides what a container may do; what is not said here is closed.

    `user` has the numbers of the account and of its group. An empty `entrypoint` means that of the
    image.
    """

    name: str
    image: str
    command: list[str]
    entrypoint: list[str] = field(default_factory=list)
    environment: dict[str, str]
    labels: dict[str, str]
    mounts: list[Mount]
    network: str | None = None
    dns: str | None = None
    hosts: dict[str, str] = field(default_factory=dict)
    cpus: float
    memory: int
    pids: int
    tmp_size: int
    shm_size: int
    file_size: int
    runtime: str | None = None
    user: tuple[int, int] = (JOB_USER, JOB_USER)


@dataclass(frozen=True, kw_only=True)
class ContainerStatus:
    """What the engine says about a container of ours; `details` is all that it said, if known."""

    name: str
    labels: dict[str, str]
    state: str
    exit_code: int | None = None
    out_of_memory: bool = False
    finished_at: float = 0.0
    details: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def running(self) -> bool:
        """Return whether the container is alive."""
        return self.state in {"running", "paused", "restarting"}

    @property
    def killed(self) -> bool:
        """Return whether it ended as containers do when engine or host go down under them."""
        return self.exit_code in KILLED_EXITS and not self.out_of_memory

    def label(self, name: str) -> str:
        """Return the value of one of our labels, empty when it is missing."""
        return self.labels.get(f"org.sallyport.{name}", "")


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that the engine holds; `reference` names its content."""

    reference: str
    labels: dict[str, str]

    @property
    def has_phases(self) -> bool:
        """Return whether the image compiles study code apart from reaching the database."""
        return self.labels.get("org.sallyport.phases") == "compile,execute"


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image that was pulled by digest, and when it was built, in seconds since 1970."""

    reference: str
    created: float


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Figures of a running container: CPU seconds so far, memory without page cache in bytes."""

    cpu_seconds: float
    memory: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended, as far as the store has to know; details stay in its metadata.json."""

    code: StatusCode
    reason: Reason = Reason.NONE
    unmatched: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    run_record: str = ""


Metadata = dict[str, Any]
"""The content of a metadata.json."""
