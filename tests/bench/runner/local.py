"""A study on a laptop: `sallyport run-local` and the published client, over plain `docker run`s.

The study is a chain of actions, so that the sum of its plain runs is what cannot be undercut.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.runner import study
from tests.bench.runner.figures import OURS, PEER, Round
from tests.bench.runner.measure import Size
from tests.bench.runner.rig import Rig
from tests.conformance import peer

COMMAND = "run-local"


def client() -> list[str] | None:
    """Return our command if the client offers local runs; without it nothing is measured."""
    program = str(Path(sys.executable).with_name("sallyport"))
    if shutil.which(program) is None:
        return None
    done = subprocess.run([program, COMMAND, "--help"], capture_output=True, check=False)
    return [program, COMMAND] if done.returncode == 0 else None


def published() -> list[str]:
    """Return the command of `opensafely` 2.1.5."""
    return [str(peer.python(peer.CLI).with_name("opensafely")), "run"]


def measured(rig: Rig, size: Size) -> list[Round]:
    """Return the seconds of both clients and of the plain runs; none without our command."""
    command = client()
    if command is None:
        return []
    commands = {OURS: command, PEER: published()}
    names = study.chain(size.local)
    programs = [study.trivial(name) for name in names]
    like = rig.plains[OURS if OURS in rig.plains else PEER]
    found: list[Round] = []
    for _sample in range(size.batches):
        taken = {side: run(commands[side], names, rig.folder) for side in rig.sides}
        plain = like.together(programs, 1)
        found.append({side: {"seconds": took, "plain": plain} for side, took in taken.items()})
    return found


def run(command: Sequence[str], names: list[str], scratch: Path) -> float:
    """Return the seconds that a client takes for a fresh study; raise if it leaves no output."""
    with tempfile.TemporaryDirectory(dir=scratch) as parent:
        folder = Path(parent) / "study"
        actions = study.actions(0, len(names), 0)
        wanted = {name: actions[name] for name in names}
        study.write(folder, {"version": "5", "actions": wanted})
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, names[-1]], cwd=folder, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - begin
        if done.returncode or not all((folder / f"output/{n}.txt").exists() for n in names):
            raise RuntimeError(f"{command} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds
