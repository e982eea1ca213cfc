"""What a container of each phase is told, and which plans are taken."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runner.made import REQUEST, job
from tests.unit.runner.rig import settings

from sallyport_runner.models import Phase
from sallyport_runner.services.outputs.plan import MAX_BYTES, PlanError, digest, read_inputs
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.running.sandbox import (
    COMPILE_MEMORY,
    COMPILE_TIME,
    PLAN_LIMIT,
    Sandbox,
)


@pytest.mark.parametrize(
    ("phase", "backend", "requires_db"),
    list(itertools.product(Phase, ("hospital", "test"), (True, False))),
)
def test_code_never_has_network_and_a_phase_before_the_database(
    tmp_path: Path, phase: Phase, backend: str, requires_db: bool
) -> None:
    known = settings(tmp_path, backend=backend)
    given = job(1, phase=phase, requires_db=requires_db, words=["ehrql:v1", "x", "y"], image="i")
    spec = Sandbox(known).specification(
        given, replace(REQUEST, permissions=["icnarc"]), Volumes(known.volumes).of("job1")
    )
    reaches = requires_db and backend == "hospital" and phase is not Phase.COMPILE
    assert (spec.network is not None) == (spec.dns is not None) == bool(spec.hosts) == reaches
    told = {name for name in spec.environment if name.startswith("DATABASE_URL")}
    assert bool(told) == reaches
    assert ("EHRQL_PERMISSIONS" in spec.environment) == reaches
    assert spec.environment["OPENSAFELY_BACKEND"] == backend
    assert spec.command[-2:] == ["x", "y"]
    assert spec.labels["org.sallyport.phase"] == phase
    writable = [mount.target for mount in spec.mounts if not mount.read_only]
    assert writable == ["/plan" if phase is Phase.COMPILE else "/workspace"]
    assert "hidden" not in repr([spec.command, spec.labels, spec.mounts])


@pytest.mark.parametrize("runtime", [None, "runsc"])
def test_every_phase_has_the_runtime_of_the_settings(tmp_path: Path, runtime: str | None) -> None:
    known = settings(tmp_path, container_runtime=runtime)
    volume = Volumes(known.volumes).of("job1")
    for phase in Phase:
        given = job(1, phase=phase, words=["ehrql:v1"])
        assert Sandbox(known).specification(given, REQUEST, volume).runtime == runtime


@pytest.mark.parametrize(("limit", "expected"), [(10**6, COMPILE_TIME), (60, 60)])
def test_compiling_has_limits_of_its_own(tmp_path: Path, limit: int, expected: int) -> None:
    known = settings(tmp_path, job_time_limit=limit, job_memory_limit=2**40, job_cpu_count=64.0)
    sandbox = Sandbox(known)
    compiling = job(1, phase=Phase.COMPILE, words=["ehrql:v1"])
    assert sandbox.time_limit(compiling) == expected
    assert sandbox.time_limit(replace(compiling, phase=Phase.RUN)) == limit
    volume = Volumes(known.volumes).of("job1")
    small = sandbox.specification(compiling, REQUEST, volume)
    large = sandbox.specification(replace(compiling, phase=Phase.RUN), REQUEST, volume)
    assert (small.memory, large.memory) == (COMPILE_MEMORY, 2**40)
    assert (small.cpus, large.cpus) == (2.0, 64.0)
    assert (small.file_size, large.file_size) == (PLAN_LIMIT, known.job_disk_limit)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{", "null", '{"inputs": [1]}', '{"inputs": [{"path": "a"}]}', '{"inputs": 1}',
        '{"inputs": [{"path": 1, "digest": "x"}]}', '{"inputs": [{"path": "a", "digest": "0"}]}',
        json.dumps({"inputs": [{"path": "/a", "digest": "0" * 64}]}),
        json.dumps({"inputs": [{"path": "a/../../b", "digest": "0" * 64}]}),
        json.dumps({"inputs": [{"path": "a", "sha256": "0" * 63 + "g"}]}),
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_malformed_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(PlanError):
        read_inputs(tmp_path)


@pytest.mark.parametrize("name", ["sha256", "digest"])
@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_good_plan_names_its_inputs(tmp_path: Path, name: str, prefix: str) -> None:
    entry = {"path": ".a/b.csv", name: f"{prefix}{'0' * 64}"}
    (tmp_path / "plan.json").write_text(json.dumps({"inputs": [entry], "else": 1}))
    assert read_inputs(tmp_path) == [(".a/b.csv", "0" * 64)]
    (tmp_path / "plan.json").write_text("{}")
    assert read_inputs(tmp_path) == []


@pytest.mark.parametrize("kind", ["none", "link", "folder", "large"])
def test_what_is_no_plan_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "plan.json"
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as stream:
            stream.truncate(MAX_BYTES + 1)
    with pytest.raises(PlanError):
        digest(tmp_path)


def test_a_container_runs_as_the_owner_of_its_volume(tmp_path: Path) -> None:
    known = settings(tmp_path)
    sandbox, given = Sandbox(known), job(1, words=["python:v2"])
    assert sandbox.specification(given, REQUEST, Volumes(tmp_path).of("x")).user == (10000, 10000)
    own = sandbox.specification(given, REQUEST, Volumes(tmp_path, (501, 20)).of("x"))
    assert own.user == (501, 20)
