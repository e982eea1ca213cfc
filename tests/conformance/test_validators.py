"""Our verdict on small project files beside those of two published validators.

Every difference is on a list with its reason; one that is not, and an entry without a difference,
fails.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from tests.conformance import peer
from tests.conformance.differences import CLI, RUNNER
from tests.conformance.projects import PROJECTS, VERSIONS, for_runner

from sallyport_study import ProjectError, parse_project

VERDICTS = Path(__file__).with_name("verdicts.py")
FILES = {
    "cli": PROJECTS | VERSIONS,
    "runner": {name: for_runner(text) for name, text in PROJECTS.items()} | VERSIONS,
}
PEERS = {"cli": partial(peer.python, peer.CLI), "runner": partial(peer.python)}
DIFFERENCES: dict[str, Mapping[str, tuple[str, str]]] = {"cli": CLI, "runner": RUNNER}


def ours(text: str) -> str:
    """Return our verdict; anything but a ProjectError is a fault of ours."""
    try:
        parse_project(text)
    except ProjectError:
        return "rejected"
    return "ok"


@pytest.fixture(scope="module", params=["cli", "runner"])
def verdicts(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """Give the name of a peer and what it says of each file."""
    name = str(request.param)
    done = subprocess.run(
        [PEERS[name](), VERDICTS, name],
        input=json.dumps(FILES[name]),
        capture_output=True,
        text=True,
        check=True,
    )
    return name, json.loads(done.stdout)


def test_every_difference_is_on_the_list_and_every_entry_is_one(
    verdicts: tuple[str, dict[str, str]],
) -> None:
    name, theirs = verdicts
    assert theirs.keys() == FILES[name].keys()
    mine = {file: ours(text) for file, text in FILES[name].items()}
    different = {file: mine[file] for file in mine if mine[file] != theirs[file]}
    assert different == {file: verdict for file, (verdict, _why) in DIFFERENCES[name].items()}


def test_a_peer_accepts_and_rejects(verdicts: tuple[str, dict[str, str]]) -> None:
    """A peer that could not even start would reject all, and hardly differ from a strict one."""
    name, theirs = verdicts
    assert theirs["valid"] == "ok"
    assert theirs["no run"] == "rejected"
    assert sum(verdict == "ok" for verdict in theirs.values()) > 40
    same = len(theirs) - len(DIFFERENCES[name])
    assert same > len(theirs) / 2


def test_there_are_enough_files_and_no_two_are_equal() -> None:
    assert len(PROJECTS) >= 120
    texts = [*PROJECTS.values(), *VERSIONS.values()]
    assert len({*texts}) >= len(texts) - 4  # a version of its own can be the valid file again
