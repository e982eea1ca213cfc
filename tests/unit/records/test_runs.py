"""Run records verify with the key that signed them, byte for byte, also for other programs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import SSlibKey

from sallyport_common.outputs import PrivacyLevel
from sallyport_records import dsse, keys, runs
from sallyport_records.runs import Container, File, Isolation, RunRecord, RunRecordError

PRIVATE_PEM, PUBLIC_PEM = keys.generate()
PRIVATE, PUBLIC = keys.load_private(PRIVATE_PEM), keys.load_public(PUBLIC_PEM)
OTHER = keys.load_public(keys.generate()[1])
TABLE = b"age,n\n40,10\n"
ISOLATION = Isolation(
    network="none",
    user="10000:10000",
    image="registry/python@sha256:" + "a" * 64,
    privileged=False,
    read_only=True,
    init=True,
    no_new_privileges=True,
    seccomp="b" * 64,
    runtime="runc",
    ipc="private",
    pid="",
    capabilities_added=(),
    capabilities_dropped=("ALL",),
    devices=(),
    mounts=("/srv/high_privacy/volumes/j/workspace:/workspace:rw",),
    tmpfs={"/scratch": "rw,size=1"},
    ulimits={"core": 0},
    memory=1,
    memory_swap=1,
    nano_cpus=2_000_000_000,
    pids_limit=100,
    shm_size=64,
)
RECORD = RunRecord(
    job="3ldz6rkojm4ll2dw",
    attempt=2,
    epoch=3,
    status="succeeded",
    exit_code=0,
    started="2026-11-24T00:00:00Z",
    finished="2026-11-24T00:01:00Z",
    backend="hospital",
    runner="0.1.0",
    request="a" * 16,
    user="ada",
    workspace="ws",
    action="table",
    run="python:v2 python table.py",
    database=None,
    repo="https://github.com/demo-org/study",
    branch="feature/a@b",
    commit="c" * 40,
    image="registry/python@sha256:" + "a" * 64,
    log="d" * 64,
    containers={"run": Container(isolation=ISOLATION, faults=("memory: asked 2, is 1",))},
    inputs={"output/raw.csv": "e" * 64},
    outputs={
        "output/table.csv": File(
            level=PrivacyLevel.MODERATE, sha256=hashlib.sha256(TABLE).hexdigest()
        )
    },
    byproducts={"metadata.json": "f" * 64},
)


def flip(data: bytes, position: int) -> bytes:
    """Return the bytes with one bit changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def independent(raw: bytes, public: Any) -> dict[str, Any]:
    """Return the statement in a file as securesystemslib verifies it."""
    key = SSlibKey.from_crypto(public, keyid=keys.key_id(public))
    envelope = Envelope.from_dict(json.loads(raw))
    envelope.verify([key], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json"
    return dict(json.loads(envelope.payload))


def resigned(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the file of a changed statement that the trusted key did sign."""
    envelope = json.loads(runs.sign(RECORD, PRIVATE))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    return json.dumps(dsse.sign(runs.PAYLOAD_TYPE, rfc8785.dumps(statement), PRIVATE)).encode()


def test_a_record_is_read_as_it_was_written() -> None:
    raw = runs.sign(RECORD, PRIVATE)
    assert runs.verify(raw, [OTHER, PUBLIC]) == RECORD
    assert runs.digest(raw) == hashlib.sha256(raw).hexdigest()
    bare = replace(RECORD, outputs={}, inputs={}, containers={}, exit_code=None)
    assert runs.verify(runs.sign(bare, PRIVATE), [PUBLIC]) == bare


def test_another_program_verifies_it() -> None:
    raw = runs.sign(RECORD, PRIVATE)
    statement = independent(raw, PUBLIC)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {entry["name"]: entry["digest"]["sha256"] for entry in statement["subject"]}
    assert subjects["output/table.csv"] == hashlib.sha256(TABLE).hexdigest()
    with pytest.raises(VerificationError):
        independent(raw, OTHER)


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_one_changed_byte_is_found(part: str) -> None:
    raw = runs.sign(RECORD, PRIVATE)
    assert independent(raw, PUBLIC)
    envelope = json.loads(raw)
    entry, key = (envelope, "payload") if part == "payload" else (envelope["signatures"][0], "sig")
    entry[key] = base64.b64encode(flip(base64.b64decode(entry[key]), 20)).decode()
    changed = json.dumps(envelope).encode()
    with pytest.raises(RunRecordError, match="no trusted key"):
        runs.verify(changed, [PUBLIC])
    with pytest.raises(VerificationError):
        independent(changed, PUBLIC)


def test_another_key_or_none_is_refused() -> None:
    raw = runs.sign(RECORD, PRIVATE)
    assert runs.verify(raw, [PUBLIC])
    for trusted in ([OTHER], []):
        with pytest.raises(RunRecordError, match="no trusted key"):
            runs.verify(raw, trusted)


def test_an_output_with_one_other_byte_is_not_attested() -> None:
    record = runs.verify(runs.sign(RECORD, PRIVATE), [PUBLIC])
    assert record.attests("output/table.csv", hashlib.sha256(TABLE).hexdigest())
    assert not record.attests("output/table.csv", hashlib.sha256(flip(TABLE, 3)).hexdigest())
    assert not record.attests("output/other.csv", hashlib.sha256(TABLE).hexdigest())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), "form"),
        (lambda s: s.update(predicateType="https://slsa.dev/provenance/v0.2"), "form"),
        (lambda s: s.update(more=1), "form"),
        (lambda s: s["subject"].reverse(), "statement"),
        (lambda s: s["subject"].append(s["subject"][1]), "form"),
        (lambda s: s["subject"][1]["digest"].update(sha256="ABC"), "SHA-256"),
        (lambda s: s["subject"][1]["annotations"].update(level="open"), "one of"),
        (lambda s: s["predicate"]["runDetails"]["builder"].update(id="hospital"), "form"),
        (lambda s: s["predicate"]["runDetails"]["metadata"].update(startedOn="now"), "a time"),
        (lambda s: s["predicate"]["runDetails"]["metadata"].pop("invocationId"), "statement"),
        (
            lambda s: s["predicate"]["buildDefinition"]["resolvedDependencies"][1]["digest"].update(
                sha256="0" * 64
            ),
            "form",
        ),
        (
            lambda s: s["predicate"]["buildDefinition"]["externalParameters"].update(more="x"),
            "more is not a known key",
        ),
    ],
)
def test_a_signed_statement_of_another_form_is_refused(
    change: Callable[[dict[str, Any]], object], told: str
) -> None:
    assert runs.verify(resigned(lambda _statement: None), [PUBLIC]) == RECORD
    with pytest.raises(RunRecordError, match=told):
        runs.verify(resigned(change), [PUBLIC])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"[" * 50, b'{"payload": 1, "payload": 2}'])
def test_other_files_are_refused(raw: bytes) -> None:
    with pytest.raises(RunRecordError):
        runs.verify(raw, [PUBLIC])


def test_what_no_reader_would_take_is_not_signed() -> None:
    assert runs.sign(RECORD, PRIVATE)
    for wrong in (
        replace(RECORD, commit="main"),
        replace(RECORD, image="registry/python:v2"),
        replace(RECORD, started=""),
    ):
        with pytest.raises(RunRecordError):
            runs.sign(wrong, PRIVATE)
