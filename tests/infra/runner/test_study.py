"""What ordinary studies do works in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import study, tools_of_studies
from runner.jobs import TEMPORARY, Start

PROGRAMS = [
    Path(str(one.__file__)).read_text(encoding="utf-8") for one in (study, tools_of_studies)
]
FULL = "No space left on device"
EXPECTED = {
    "pools": [[1, 2], [3], 4950, {"a": 1}, 7],
    "ways to start processes": ["fork [1, 2]", "spawn [1, 2]", "forkserver [1, 2]"],
    "pandas": ["[34.0, 33.0, 33.0]", "200"],
    "matplotlib": ["Agg PNG"],
    "shell": ["A", "outer", "through", "6", "end"],
    "bash": ["same", "word"],
    "temporary files": [True, True],
    # The folder holds what matplotlib caches, too.
    "full temporary folder": [63, FULL],
    "full shared memory": [8, FULL],
    "database": [3],
    "modes": ["644", "600", "755", "400", "True"],
    "loopback": "hello",
    "waiting": [14, "timer", "async"],
    "names": ["sallyport-job", TEMPORARY, True],
    "processors": True,
    "locale": ["C.UTF-8", "utf-8"],
    "memory maps": ["abc", "abc", "abc"],
    "locks of files": [True, True, True],
    "databases everywhere": [1, 1, 1],
    "semaphores": [True, 0, [0, 1, 4, 9]],
    "temporary places": [TEMPORARY, *[["a", "b.csv"]] * 3, 100],
    "accounts": [
        *["sallyport-job"] * 2, TEMPORARY, *["sallyport-job"] * 2, TEMPORARY, TEMPORARY, "OSError",
        "sallyport-job", 0,
    ],
    "times": [13, "UTC", "UTC", True],
    "texts": ["utf-8", "naïve é ☃\n", "é ☃\n", "é\n", ["e", "f", "é"]],
    "archives": [True, ["packed.txt"]],
    "limits": [256, True, True, True],
    "network": ["gaierror", "ConnectionRefusedError", True, True],
    "threads": [300],
    "signals": [4, -9, 124],
    "sh": ["6", "3", "x is 1", "2", "1 2 3 ", 3],
    "bash arrays": [f"4 32 {TEMPORARY} {TEMPORARY}", 0],
    "perl": ["2,4,6", 0],
    "programs": [True, True, False],
    "numerical threads": ["2", 0],
    "figures": ["True", 0],
    "a crash": [True, -6],
}  # fmt: skip


@pytest.fixture(scope="module")
def done(start: Start) -> dict[str, Any]:
    """What came of everything that the studies did."""
    found: dict[str, Any] = {}
    for program in PROGRAMS:
        result = start(program, memory=2**30, tmp_size=64 * 2**20, file_size=2**30, cpus=2.0)
        assert result["exit"] == 0, result
        found |= json.loads(result["output"].splitlines()[-1])
    return found


@pytest.mark.parametrize("name", [*study.DEEDS, *tools_of_studies.DEEDS])
def test_what_studies_do_works(done: dict[str, Any], name: str) -> None:
    assert done[name] == EXPECTED[name]
