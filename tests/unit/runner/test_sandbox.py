"""What the engine is told for every job, and the profile of system calls."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import pytest

from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.profile import SECCOMP
from sallyport_runner.services.running.engine import _creation, _moment

SPEC = ContainerSpec(
    name="os-job-x",
    image="registry/python@sha256:00",
    command=["a.py"],
    environment={},
    labels={},
    mounts=[Mount(source="/srv/x", target="/workspace", read_only=False)],
    cpus=2.0,
    memory=1024,
    pids=10,
    tmp_size=4096,
    shm_size=2048,
    file_size=8192,
)


def test_everything_is_closed_by_default() -> None:
    made = _creation(SPEC)
    assert made["network_mode"] == "none"
    assert "network" not in made
    assert made["user"] == "10000:10000"
    assert made["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in made["security_opt"]
    assert made["read_only"]
    assert (made["ipc_mode"], made["shm_size"]) == ("private", 2048)
    assert made["oom_score_adj"] > 0
    assert made["memswap_limit"] == made["mem_limit"] == 1024
    assert made["pids_limit"] == 10
    assert "size=4096" in "".join(made["tmpfs"].values())
    assert {(u["Name"], u["Hard"]) for u in made["ulimits"]} >= {("core", 0), ("fsize", 8192)}
    assert not made.keys() & {"privileged", "cap_add", "devices", "pid_mode", "volumes"}


def test_the_database_network_comes_with_a_dead_resolver() -> None:
    spec = replace(SPEC, network="jobrunner-db", dns="192.0.2.0", hosts={"db": "10.0.0.1"})
    made = _creation(spec)
    assert "network_mode" not in made
    assert (made["network"], made["dns"]) == ("jobrunner-db", ["192.0.2.0"])
    assert made["dns_opt"] == ["timeout:1", "attempts:1"]
    assert made["extra_hosts"] == {"db": "10.0.0.1"}


def test_an_image_is_run_by_its_content_only() -> None:
    with pytest.raises(ValueError, match="digest"):
        _creation(replace(SPEC, image="registry/python:v2"))


def test_the_profile_refuses_what_jobs_have_no_use_for() -> None:
    profile = json.loads(SECCOMP.read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = {
        name
        for rule in profile["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]
    }
    refused = {
        "io_uring_setup", "unshare", "setns", "mount", "bpf", "ptrace", "keyctl", "clone3",
        "userfaultfd", "perf_event_open", "process_vm_readv", "open_by_handle_at",
    }  # fmt: skip
    assert not refused & allowed
    assert {"read", "openat2", "futex", "execve", "clone", "landlock_restrict_self"} <= allowed
    (clone,) = [rule for rule in profile["syscalls"] if rule["names"] == ["clone"]]
    assert clone["args"][0]["value"] & 0x10000000  # CLONE_NEWUSER is among the masked flags
    (clone3,) = [rule for rule in profile["syscalls"] if "clone3" in rule["names"]]
    assert clone3["errnoRet"] == errno.ENOSYS  # with EPERM libc would start no thread at all


def test_moments_of_the_engine() -> None:
    assert _moment("2026-11-24T00:00:01.123456789Z") - _moment("2026-11-24T00:00:00Z") == 1.0
    assert _moment("0001-01-01T00:00:00Z") == 0.0
