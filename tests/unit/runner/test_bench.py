"""The arithmetic of `make bench PART=runner`: pairs, medians, and what does not count as met."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.bench.runner import __main__ as command
from tests.bench.runner import figures, local, measure, report, study
from tests.bench.runner.figures import OURS, PEER, Bar, Figure, Round
from tests.bench.runner.moments import Late, event, until
from tests.bench.runner.plain import differences, flags


def job(created: float, died: float, final: float, plain: float) -> dict[str, float]:
    """Return the sample of a job that was stored after 20 ms."""
    return {"stored": 0.02, "created": created, "died": died, "final": final, "plain": plain}


def by_name(found: list[Figure]) -> dict[str, Figure]:
    """Return figures by name."""
    return {one.bar.name: one for one in found}


def test_each_job_is_compared_with_the_plain_run_beside_it() -> None:
    rounds: list[Round] = [
        {OURS: job(0.1, 0.5, 0.7, 0.5), PEER: job(1.0, 1.5, 2.5, 0.5)},
        {OURS: job(0.2, 3.0, 3.1, 2.5), PEER: job(1.2, 1.6, 2.4, 0.5)},
        {OURS: job(0.3, 0.7, 0.9, 0.1), PEER: job(1.1, 1.7, 2.6, 0.5)},
    ]
    found = by_name(figures.latency(rounds))
    values = {name: round(one.value or 0) for name, one in found.items()}
    # Of the pairs: 100, 400 and 500 ms. The difference of the medians would be 100.
    assert values == {
        "accept_p50_ms": 20,
        "container_p50_ms": 200,
        "final_p50_ms": 200,
        "overhead_ms": 400,
        "whole_overhead_ms": 600,
    }
    assert round(found["overhead_ms"].peer or 0) == 1000
    assert found["whole_overhead_ms"].faults() == []
    assert found["overhead_ms"].faults() == [figures.MISSES]
    assert found["overhead_ms"].samples == rounds


@pytest.mark.parametrize(
    ("value", "peer", "faults"),
    [
        (10.0, 20.0, []),
        (10.1, 20.0, [figures.MISSES]),
        (10.0, 10.0, [figures.NOT_BETTER]),
        (11.0, 9.0, [figures.MISSES, figures.NOT_BETTER]),
        (10.0, None, [figures.NO_PEER]),
        (None, 20.0, [figures.MISSING]),
        (None, None, [figures.MISSING]),
    ],
)
def test_only_what_was_measured_and_reaches_everything_is_met(
    value: float | None, peer: float | None, faults: list[str]
) -> None:
    one = Figure(Bar("some_ms", "ms", most=10), value, peer)
    assert one.faults() == faults
    assert all(fault in one.row() for fault in faults)
    assert one.row().endswith("ok") == (not faults)


def test_more_can_be_better() -> None:
    bar = Bar("share", "ratio", least=0.75, more_is_better=True)
    assert Figure(bar, 0.75, 0.5).faults() == []
    assert Figure(bar, 0.74, 0.5).faults() == [figures.MISSES]
    assert Figure(bar, 0.80, 0.9).faults() == [figures.NOT_BETTER]


def test_shares_are_of_the_plain_runs_of_the_same_round() -> None:
    rounds: list[Round] = [
        {OURS: {"seconds": 10, "jobs": 10, "plain": 8}, PEER: {"seconds": 20, "jobs": 10}},
        {OURS: {"seconds": 40, "jobs": 10, "plain": 36}, PEER: {"seconds": 60, "jobs": 10}},
        {OURS: {"seconds": 10, "jobs": 10, "plain": 7}, PEER: {"seconds": 20, "jobs": 10}},
    ]
    rate, share = figures.throughput(2, rounds)
    assert (rate.bar.name, rate.value, rate.peer) == ("jobs_per_min_2", 60, 30)
    assert (share.bar.name, share.value, share.peer) == ("jobs_ratio_2", 0.8, 0.4)
    assert share.faults() == []


def test_a_cancelled_job_has_ended_with_its_container_and_its_state() -> None:
    rounds: list[Round] = [
        {OURS: {"died": 0.001 * n, "final": 0.002 * n}, PEER: {"died": 1.0, "final": 0.5}}
        for n in range(1, 31)
    ]
    [found] = figures.cancellation(rounds)
    assert found.value == pytest.approx(58)  # the 29th of 30
    assert found.peer == 1000
    assert figures.p95([3.0]) == 3.0


def test_idle_seconds_are_those_of_a_minute() -> None:
    rounds: list[Round] = [
        {OURS: {"cpu": cpu, "seconds": 30}, PEER: {"cpu": 1, "seconds": 30}} for cpu in (0.01, 0.05)
    ]
    [found] = figures.idle(rounds)
    assert found.value == pytest.approx(0.06)
    assert found.peer == 2


def test_one_side_alone_is_not_compared() -> None:
    [found] = figures.chain([{PEER: {"seconds": 60, "jobs": 12}}])
    assert (found.value, found.peer) == (None, 12)
    assert found.faults() == [figures.MISSING]


NAMES = {
    "accept_p50_ms", "container_p50_ms", "final_p50_ms", "overhead_ms", "whole_overhead_ms",
    "jobs_per_min_1", "jobs_per_min_2", "jobs_per_min_4",
    "jobs_ratio_1", "jobs_ratio_2", "jobs_ratio_4",
    "chain_per_min", "cancel_p95_ms", "idle_cpu_s_per_min", "rss_mb", "collect_20k_files_s",
    "local_ratio",
}  # fmt: skip


def test_the_command_has_every_figure() -> None:
    assert {name for group in command.GROUPS for name in group.names()} == NAMES
    full = measure.Size()
    assert min(full.samples, full.batches) >= 30
    assert full.jobs >= 1000
    assert full.files == 20_000


@pytest.mark.parametrize(
    ("value", "options", "status"),
    [(40.0, [], 0), (60.0, [], 1), (None, [], 1), (40.0, ["--quick"], 1)],
)
def test_a_figure_that_is_not_met_is_the_exit_status(
    value: float | None,
    options: list[str],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [Figure(Bar("some_ms", "ms", most=50), value, 100.0, [{"raw": 1}])]
    monkeypatch.setattr(command, "measured", lambda _given, _report: found)
    monkeypatch.setattr("sys.argv", ["bench", "--folder", str(tmp_path), *options])
    assert command.main() == status
    assert found[0].row() in capsys.readouterr().out
    rows = json.loads((tmp_path / "runner.json").read_text())["figures"]
    assert [(row["name"], row["value"]) for row in rows] == [
        ("some_ms", value),
        ("peer_some_ms", 100.0),
    ]
    assert rows[0]["samples"] == [{"raw": 1}]
    assert bool(rows[0]["faults"]) == (value != 40)


class _NoRig:
    def use(self, _workers: int) -> None:
        """Start nothing."""


def _run(patch: pytest.MonkeyPatch, folder: Path, fail: str, *options: str) -> list[str]:
    """Run the command with two groups of which one may fail; return those that were sampled."""
    asked: list[str] = []

    def group(name: str) -> command.Group:
        def sample(_rig: Any, _size: Any) -> list[Round]:
            asked.append(name)
            if name == fail:
                raise Late(name)
            return [{OURS: {"ms": 1.0}, PEER: {"ms": 2.0}}]

        bar = Bar(name, "ms", most=50)
        summary = functools.partial(figures.figure, bar, take=lambda one: one["ms"])
        return command.Group(1, sample, lambda rounds: [summary(rounds)])

    patch.setattr(command, "GROUPS", [group("first"), group("second")])
    patch.setattr(command, "rig", lambda *_: contextlib.nullcontext(_NoRig()))
    patch.setattr("sys.argv", ["bench", "--folder", str(folder), *options])
    with contextlib.suppress(Late):
        assert command.main() == 0
    return asked


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, tmp_path, "second", "--resume") == ["first", "second"]
    kept = json.loads((tmp_path / "runner.json").read_text())
    assert [row["name"] for row in kept["figures"]] == ["first", "peer_first"]
    assert _run(monkeypatch, tmp_path, "", "--resume") == ["second"]
    kept = json.loads((tmp_path / "runner.json").read_text())
    assert [row["value"] for row in kept["figures"]] == [1.0, 2.0, 1.0, 2.0]
    assert _run(monkeypatch, tmp_path, "", "--resume") == []
    assert _run(monkeypatch, tmp_path, "") == ["first", "second"]


@pytest.mark.parametrize("what", ["code", "machine"])
def test_samples_of_another_code_or_machine_are_not_added_to(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, tmp_path, "second")
    monkeypatch.setattr(report, what, lambda: "another")
    monkeypatch.setattr("sys.argv", ["bench", "--folder", str(tmp_path), "--resume"])
    assert command.main() == 2
    assert f"another {what}: run without --resume" in capsys.readouterr().err


def test_the_code_is_named_with_what_is_changed(tmp_path: Path) -> None:
    study.write(tmp_path / "study", {"version": "5"})
    commit = report.code(tmp_path / "study")
    assert len(commit) == 40
    (tmp_path / "study/analysis.py").write_text("print(2)\n")
    assert report.code(tmp_path / "study").startswith(f"{commit}+")


def test_the_file_system_is_named(tmp_path: Path) -> None:
    kind = ["findmnt", "--noheadings", "--output=FSTYPE", "--target", str(tmp_path)]
    done = subprocess.run(kind, capture_output=True, text=True, check=True)
    found = report.file_system(tmp_path)
    assert found.startswith(f"{done.stdout.split()[0]} (")
    assert "no journal" not in report.file_system(Path("/proc"))


def test_local_runs_are_missing_without_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sallyport"
    program.write_text('#!/bin/sh\n[ "$1" = submit ]\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert local.client() is None
    [found] = figures.local([])
    assert found.faults() == [figures.MISSING]
    program.write_text('#!/bin/sh\n[ "$1" = run-local ]\n')
    assert local.client() == [str(program), "run-local"]


CONTAINER: dict[str, Any] = {
    "Config": {
        "User": "10000:10000", "WorkingDir": "/workspace", "Env": ["HOME=/tmp"], "Image": "x",
        "Labels": {"action": "one", "org.sallyport.job": "abc"},
    },
    "HostConfig": {
        "NetworkMode": "none", "IpcMode": "private", "Init": True, "ReadonlyRootfs": True,
        "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges:true", 'seccomp={"a": 1}'],
        "Memory": 4096, "MemorySwap": 4096, "NanoCpus": 2_500_000_000, "PidsLimit": 10,
        "ShmSize": 64, "OomScoreAdj": 500, "Tmpfs": {"/scratch": "rw,size=1"},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}], "Binds": ["a:/workspace"],
        "LogConfig": {"Type": "local", "Config": {"max-size": "1"}},
        "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
    },
}  # fmt: skip


def test_a_plain_run_has_the_flags_of_the_job(tmp_path: Path) -> None:
    words = flags(CONTAINER, tmp_path)
    assert set(words) == {
        "--network=none", "--ipc=private", "--user=10000:10000", "--workdir=/workspace", "--init",
        "--read-only", "--env=HOME=/tmp", "--label=action=one", "--memory=4096",
        "--memory-swap=4096", "--shm-size=64", "--pids-limit=10", "--oom-score-adj=500",
        "--cpus=2.5", "--ulimit=core=0:0", "--tmpfs=/scratch:rw,size=1", "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
        f"--security-opt=seccomp={tmp_path}/seccomp.json",
        "--log-driver=local", "--log-opt=max-size=1",
    }  # fmt: skip
    assert json.loads((tmp_path / "seccomp.json").read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "value", "differing"),
    [
        ("SecurityOpt", ['seccomp={"a":1}', "no-new-privileges:true"], []),
        ("Binds", ["b:/workspace"], []),
        ("RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}, []),
        ("SecurityOpt", ["no-new-privileges:true"], ["SecurityOpt"]),
        ("SecurityOpt", ["no-new-privileges:true", 'seccomp={"a":2}'], ["SecurityOpt"]),
        ("ReadonlyRootfs", False, ["ReadonlyRootfs"]),
        ("Memory", 8192, ["Memory"]),
    ],
)
def test_a_plain_run_with_another_limit_is_noticed(
    name: str, value: Any, differing: list[str]
) -> None:
    other = copy.deepcopy(CONTAINER)
    other["HostConfig"][name] = value
    assert differences(CONTAINER, other) == differing


def test_moments_of_the_engine_have_its_precision() -> None:
    attributes = {"name": "os-job-a", "image": "x"}
    line = {"Action": "die", "Actor": {"Attributes": attributes}, "timeNano": 1_500_000_000}
    assert event(json.dumps(line)) == ("os-job-a", "die", 1.5)


def test_what_never_happens_is_an_error() -> None:
    assert until(lambda: True, "at once", 0) > 0
    with pytest.raises(Late, match=r"not within 0\.01 s: the end"):
        until(lambda: False, "the end", 0.01)
