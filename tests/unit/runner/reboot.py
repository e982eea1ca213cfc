"""A host that goes down under the rig's runner."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.unit.runner.rig import Container, Runner

from sallyport_runner.services.running.loop import RunLoop
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.parts import build

THREE = """
version: '4'
actions:
  make: {run: python:v2 a.py 1, outputs: {highly_sensitive: {o: output/make.csv}}}
  table: {run: python:v2 a.py 2, outputs: {highly_sensitive: {o: output/table.csv}}}
  other: {run: python:v2 a.py 3, outputs: {highly_sensitive: {o: output/other.csv}}}
"""


def write(container: Container) -> int:
    """Write what the action declares; answer the exit code 0."""
    return container.write(f"output/{container.spec.labels['action']}.csv", "a\n1\n")


def three_jobs(base: Path, *, unready: bool = False) -> Runner:
    """Return a runner with three jobs whose programs run in the boot `1`, or wait for images."""
    runner = Runner(base)
    sha = runner.study.commit({"project.yaml": THREE})
    runner.executor.programs = dict.fromkeys(("make", "table", "other"), write)
    runner.executor.held, runner.executor.unready = True, unready
    boot(runner, "1")
    runner.request("a", sha, "run_all")
    runner.passes(4)
    return runner


def boot(runner: Runner, name: str) -> None:
    """Start the runner's process in a boot of the host."""
    runner.restart()
    values = {field.name: getattr(runner.parts, field.name) for field in fields(Outside)}
    runner.parts = build(Outside(**values | {"boot": name}))
    runner.loop = RunLoop(runner.parts)


def go_down(runner: Runner, exit_code: int = 255) -> None:
    """End all that runs in containers, some time after the runner itself was ended."""
    runner.now += 100
    for name, container in runner.executor.containers.items():
        if container.status.running:
            runner.executor.end(name, exit_code)
    runner.now += 20
