"""The licence of Stata reaches the jobs that need it, and nothing that people read."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit.runner.rig import PROJECT, Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_common.settings import Secret

LICENSE = "999911112222!abcd efgh!ijkl!\n4444!demo!hospital!5555!"


def test_only_stata_gets_the_licence_and_no_file_has_it(runner: Runner) -> None:
    runner.settings = replace(runner.settings, stata_license=Secret(LICENSE))
    runner.restart()
    runner.executor.registry.add("stata-mp:v1")
    seen: dict[str, str | None] = {}

    def program(container: Container) -> int:
        action = container.spec.labels["action"]
        seen[action] = container.spec.environment.get("STATA_LICENSE")
        container.output = f"2026-11-24T00:00:00.000000000Z key {LICENSE}.\n".encode()
        name = "raw" if action == "make" else "table"
        return container.write(f"output/{name}.csv", "a\n1\n")

    runner.executor.programs |= {"make": program, "table": program}
    text = PROJECT.replace("python:v2 table.py", "stata-mp:v1 table.do")
    runner.request("a", runner.study.commit({"project.yaml": text}), "table")
    runner.passes(8)
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert seen == {"make": None, "table": LICENSE}
    log = (runner.record(runner.job("table")) / "logs.txt").read_text()
    assert "key [redacted]." in log
    part = LICENSE.splitlines()[0].encode()
    files = [path for path in runner.base.rglob("*") if path.is_file()]
    assert [path for path in files if part in path.read_bytes()] == []
    metadata = json.loads((runner.record(runner.job("table")) / "metadata.json").read_text())
    assert "STATA_LICENSE=xxxx-REDACTED" in metadata["container_metadata"]["Config"]["Env"]
