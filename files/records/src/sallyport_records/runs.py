"""The run record of a job: what it was made from, how its container was closed, what came out.

A record is an in-toto Statement, version 1 (in-toto/attestation, spec/v1/statement.md), whose
predicate is SLSA provenance, version 1 (slsa.dev/spec/v1.0/provenance), signed in a DSSE envelope
with the payload type that in-toto has for it. The runner writes records, the release hatch reads
them. The reader accepts exactly the bytes that the writer makes of a record, signed by a key that
it trusts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sallyport_common.errors import SallyportError
from sallyport_common.manifests import reader
from sallyport_common.manifests.fields import Backend, Form, Moment, Sha256, Workspace
from sallyport_common.manifests.reader import ManifestError
from sallyport_common.outputs import METADATA_FOLDER, PrivacyLevel
from sallyport_records import canonical, dsse

FOLDER = f"{METADATA_FOLDER}/runs"
"""Below the folder of a workspace in the medium-privacy tree; a record is `<job id>.json` there."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a record, as of a manifest: some 100,000 outputs."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:sallyport:job:1"
LARGEST = 2**53 - 1
_BUILDER = "urn:sallyport:backend:"
_TAGS = "refs/tags/"
_COMMIT = "0123456789abcdef"
Commit = Annotated[str, Form("a commit", lambda text: len(text) >= 40 and not text.strip(_COMMIT))]
Image = Annotated[str, Form("an image by its digest", lambda text: "@sha256:" in text)]


class RunRecordError(SallyportError):
    """A file is not a run record that a trusted key signed."""


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """What keeps a container apart, in the engine's terms: sizes in bytes, CPUs in billionths.

    `seccomp` is the SHA-256 of the profile, empty for the engine's own. `mounts` are
    `source:target:ro` or `…:rw`. `runtime` is empty where the engine chooses.
    """

    network: str
    user: str
    image: str
    privileged: bool
    read_only: bool
    init: bool
    no_new_privileges: bool
    seccomp: str
    runtime: str
    ipc: str
    pid: str
    capabilities_added: tuple[str, ...]
    capabilities_dropped: tuple[str, ...]
    devices: tuple[str, ...]
    mounts: tuple[str, ...]
    tmpfs: dict[str, str]
    ulimits: dict[str, int]
    memory: int
    memory_swap: int
    nano_cpus: int
    pids_limit: int
    shm_size: int


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container of a job: what the engine said of it when it had ended, None if it was gone.

    `faults` has a sentence for each difference from what was asked.
    """

    isolation: Isolation | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reused:
    """The code of a reusable action, which the job ran in place of the study's."""

    repo: str
    tag: str
    commit: Commit


@dataclass(frozen=True, kw_only=True)
class File:
    """An output of a job."""

    level: PrivacyLevel
    sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What the runner says about one attempt of a job.

    `outputs` are the files in the privacy tree that the record is for, by path; `log` is the
    digest of the job's log. A job that failed has its files too, a cancelled one has none.
    `inputs` and `byproducts` are digests by path and by name. `containers` are by phase. `repo` and
    `commit` are those of the study, also where the job ran the code of a reusable action.
    """

    job: str
    attempt: int
    epoch: int
    status: str
    exit_code: int | None
    started: Moment
    finished: Moment
    backend: Backend
    runner: str
    request: str
    user: str
    workspace: Workspace
    action: str
    run: str
    database: str | None
    repo: str
    branch: str
    commit: Commit
    reused: Reused | None = None
    image: Image
    log: Sha256
    containers: dict[str, Container]
    inputs: dict[str, Sha256] = field(default_factory=dict)
    outputs: dict[str, File] = field(default_factory=dict)
    byproducts: dict[str, Sha256] = field(default_factory=dict)

    def attests(self, path: str, sha256: str) -> bool:
        """Return whether the job made a file with these bytes at a path of its workspace."""
        return path in self.outputs and self.outputs[path].sha256 == sha256


def sign(record: RunRecord, private: Ed25519PrivateKey) -> bytes:
    """Return the content of a record's file; raise RunRecordError where no reader would take it."""
    payload = _payload(record)
    _record(payload)
    return json.dumps(dsse.sign(PAYLOAD_TYPE, payload, private)).encode() + b"\n"


def verify(raw: bytes, trusted: Iterable[Ed25519PublicKey]) -> RunRecord:
    """Return the record in a file; raise RunRecordError unless a trusted key signed it."""
    try:
        envelope = reader.read_object(raw, LONGEST, "run record")
        payload = dsse.verify(envelope, PAYLOAD_TYPE, trusted)
    except (ManifestError, dsse.SignatureError) as error:
        raise RunRecordError(str(error)) from error
    return _record(payload)


def digest(raw: bytes) -> str:
    """Return the SHA-256 of a record's file, signature included, in hexadecimal.

    It tells nobody who guesses an output whether the guess is right: without the private key the
    signature cannot be computed.
    """
    return hashlib.sha256(raw).hexdigest()


def log_name(action: str) -> str:
    """Return the name of a job's log among the subjects: where a workspace has the latest one."""
    return f"{METADATA_FOLDER}/{action}.log"


def _payload(record: RunRecord) -> bytes:
    """Return the canonical form (RFC 8785) of a record's statement."""
    return canonical.dumps({
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": log_name(record.action), "digest": {"sha256": record.log}},
            *(
                _file(path, file.sha256) | {"annotations": {"level": str(file.level)}}
                for path, file in sorted(record.outputs.items())
            ),
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"buildDefinition": _definition(record), "runDetails": _details(record)},
    })  # fmt: skip


def _file(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _files(digests: dict[str, str]) -> list[dict[str, Any]]:
    return [_file(name, sha256) for name, sha256 in sorted(digests.items())]


def _definition(record: RunRecord) -> dict[str, Any]:
    """Return what was to be run: parameters of the request, and the runner's own."""
    code = {
        "uri": f"git+{record.repo}@refs/heads/{record.branch}",
        "digest": {"gitCommit": record.commit},
    }
    image = {
        "uri": f"docker://{record.image}",
        "digest": {"sha256": record.image.rpartition("@sha256:")[2]},
    }
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "request": record.request,
            "user": record.user,
            "workspace": record.workspace,
            "action": record.action,
            "run": record.run,
            "database": record.database,
        },
        "internalParameters": {
            "epoch": record.epoch,
            "containers": {
                phase: asdict(container) for phase, container in record.containers.items()
            },
        },
        "resolvedDependencies": [code, image, *_reused(record), *_files(record.inputs)],
    }


def _reused(record: RunRecord) -> list[dict[str, Any]]:
    """Return the dependency on the code of a reusable action, if there is one."""
    reused = record.reused
    if reused is None:
        return []
    uri = f"git+{reused.repo}@{_TAGS}{reused.tag}"
    return [{"uri": uri, "digest": {"gitCommit": reused.commit}}]


def _reused_fields(entry: dict[str, Any] | None) -> dict[str, str] | None:
    if entry is None:
        return None
    repo, _at, tag = entry["uri"].removeprefix("git+").partition(f"@{_TAGS}")
    return {"repo": repo, "tag": tag, "commit": entry["digest"]["gitCommit"]}


def _details(record: RunRecord) -> dict[str, Any]:
    """Return how it ran; keys with `sallyport_` are extensions, which the format allows."""
    return {
        "builder": {
            "id": f"{_BUILDER}{record.backend}",
            "version": {"sallyport-runner": record.runner},
        },
        "metadata": {
            "invocationId": f"{record.job}/{record.attempt}",
            "startedOn": record.started,
            "finishedOn": record.finished,
            "sallyport_status": record.status,
            "sallyport_exitCode": record.exit_code,
        },
        "byproducts": _files(record.byproducts),
    }


def _record(payload: bytes) -> RunRecord:
    """Read a statement; only what `_payload` makes of the result is accepted."""
    try:
        statement = json.loads(payload, parse_int=_number)
        record = reader.build(RunRecord, _fields(statement), "run record")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RunRecordError("The run record is not a statement of a runner.") from error
    except ManifestError as error:
        raise RunRecordError(str(error)) from error
    if _payload(record) != payload:
        raise RunRecordError("The run record is not in the form in which runners write it.")
    return record


def _number(digits: str) -> int:
    """Return a whole number that JSON has for everybody (RFC 8785, appendix D)."""
    if len(digits) > len(str(LARGEST)) + 1 or abs(number := int(digits)) > LARGEST:
        raise ValueError("a number is too large")
    return number


def _fields(statement: Any) -> dict[str, Any]:
    """Return the fields of a record; whatever else a statement has shows in the comparison."""
    definition, details = (
        statement["predicate"][name] for name in ("buildDefinition", "runDetails")
    )
    metadata, builder = details["metadata"], details["builder"]
    log, *outputs = statement["subject"]
    code, image, *inputs = definition["resolvedDependencies"]
    reused = inputs.pop(0) if inputs and "uri" in inputs[0] else None
    job, _slash, attempt = metadata["invocationId"].rpartition("/")
    repo, _at, branch = code["uri"].removeprefix("git+").partition("@refs/heads/")
    return {
        **definition["externalParameters"],
        **definition["internalParameters"],
        "job": job,
        "attempt": int(attempt),
        "status": metadata["sallyport_status"],
        "exit_code": metadata["sallyport_exitCode"],
        "started": metadata["startedOn"],
        "finished": metadata["finishedOn"],
        "backend": builder["id"].removeprefix(_BUILDER),
        "runner": builder["version"]["sallyport-runner"],
        "repo": repo,
        "branch": branch,
        "commit": code["digest"]["gitCommit"],
        "reused": _reused_fields(reused),
        "image": image["uri"].removeprefix("docker://"),
        "log": log["digest"]["sha256"],
        "inputs": _digests(inputs),
        "outputs": {
            entry["name"]: {"sha256": entry["digest"]["sha256"]} | entry["annotations"]
            for entry in outputs
        },
        "byproducts": _digests(details["byproducts"]),
    }


def _digests(entries: list[Any]) -> dict[str, str]:
    return {entry["name"]: entry["digest"]["sha256"] for entry in entries}
