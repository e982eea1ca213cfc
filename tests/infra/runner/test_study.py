"""What ordinary studies do works in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import study
from runner.jobs import TEMPORARY, Start

PROGRAM = Path(study.__file__).read_text(encoding="utf-8")
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
}


@pytest.fixture(scope="module")
def done(start: Start) -> dict[str, Any]:
    """What came of everything that the study did."""
    result = start(PROGRAM, memory=2**30, tmp_size=64 * 2**20, file_size=2**30, cpus=2.0)
    assert result["exit"] == 0, result
    return dict(json.loads(result["output"]))


@pytest.mark.parametrize("name", study.DEEDS)
def test_what_studies_do_works(done: dict[str, Any], name: str) -> None:
    assert done[name] == EXPECTED[name]
