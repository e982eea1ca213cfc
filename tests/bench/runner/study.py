"""The study that both runners run: its actions, and the repository that holds it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ORGANISATION = "opensafely"
REPOSITORY = "bench"
ONE = "one"
SLOW = "slow"
MANY = "many"
FILES = 20_000


def batch(number: int) -> list[str]:
    """Return the names of independent actions."""
    return [f"batch{place:03}" for place in range(1, number + 1)]


def chain(number: int) -> list[str]:
    """Return the names of actions that each need the one before."""
    return [f"chain{place:03}" for place in range(1, number + 1)]


def trivial(name: str) -> str:
    """Return the shell program of an action that writes one line."""
    return f"mkdir -p output && echo 1 > output/{name}.txt"


def _action(name: str, program: str, output: str = "") -> dict[str, Any]:
    outputs = {"moderately_sensitive": {"out": output or f"output/{name}.txt"}}
    return {"run": f'python:v2 sh -c "{program}"', "outputs": outputs}


def actions(batched: int, chained: int, files: int) -> dict[str, dict[str, Any]]:
    """Return every action of the study, by name."""
    found = {name: _action(name, trivial(name)) for name in (ONE, *batch(batched))}
    before = ""
    for name in chain(chained):
        found[name] = _action(name, trivial(name)) | ({"needs": [before]} if before else {})
        before = name
    found[SLOW] = _action(SLOW, "sleep 600")
    loop = f"i=0; while [ $i -lt {files} ]; do echo $i > output/many/$i.txt; i=$((i+1)); done"
    found[MANY] = _action(MANY, f"mkdir -p output/many; {loop}", "output/many/*.txt")
    return found


def publish(gitroot: Path, found: dict[str, dict[str, Any]]) -> None:
    """Make the repository on the stand-in for the forge."""
    folder = gitroot / ORGANISATION / REPOSITORY
    write(folder, {"version": "3.0", "expectations": {"population_size": 1000}, "actions": found})
    subprocess.run(
        ["git", "-C", folder, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True
    )


def write(folder: Path, project: dict[str, Any]) -> None:
    """Write a study beside what the folder has, and commit all of it; JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(json.dumps(project, indent=1), encoding="utf-8")
    (folder / "analysis.py").write_text("print(1)\n", encoding="utf-8")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "study"]):
        subprocess.run([*git, *words], check=True)
