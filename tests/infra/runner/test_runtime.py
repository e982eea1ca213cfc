"""A job in gVisor, whose kernel is a program: `runner_container_runtime`."""

from __future__ import annotations

import json
from typing import Any

from runner.jobs import Start

JOB = """
import json, os, pathlib, socket, subprocess
import pandas
pandas.DataFrame({"a": [1, 2]}).to_csv("table.csv", index=False)
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").open())
print(json.dumps({
    "kernel": os.uname().release,
    "table": pathlib.Path("table.csv").read_text(),
    "shell": subprocess.check_output(["sh", "-c", "echo a | tr a b"], text=True),
    "interfaces": [name for _number, name in socket.if_nameindex()],
    "uid": os.getuid(),
    "capabilities": int(status["CapBnd"], 16),
}))
"""


def run(start: Start, **values: Any) -> dict[str, Any]:
    """Run the job and return what it printed."""
    # The threads of gVisor itself count as processes of the job.
    result = start(JOB, memory=2**30, pids=1000, **values)
    assert result["exit"] == 0, result
    return dict(json.loads(result["output"]))


def test_a_job_runs_on_the_kernel_of_another_runtime(start: Start) -> None:
    usual, other = run(start), run(start, runtime="runsc")
    assert other.pop("kernel") == "4.4.0"
    assert usual.pop("kernel") != "4.4.0"
    assert other == usual
    assert other == {
        "table": "a\n1\n2\n",
        "shell": "b\n",
        "interfaces": ["lo"],
        "uid": 10000,
        "capabilities": 0,
    }
