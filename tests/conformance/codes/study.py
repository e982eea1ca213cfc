"""The actions whose ends are the rows of the table: shell programs in images of busybox."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.bench.runner import study
from tests.conformance.codes import claims

REPOSITORY = "codes"
SLOW = "sleep 600"
UNTIL_TOLD = "trap 'exit 0' USR1; while :; do sleep 0.1; done"
EAT = "busybox awk 'BEGIN { while (1) a[n++] = n }'"
MANY = "for n in 1 2 3 4; do head -c 3000000 /dev/zero > output/$n.bin; done"
DATABASE_EXITS = (2, 3, 4, 5, 6, 10, 11, 12, 13, 14)


def _action(name: str, program: str, *needs: str, image: str = "python:v2") -> dict[str, Any]:
    made = study._action(name, f"mkdir -p output; {program}")
    made["run"] = made["run"].replace("python:v2", image, 1)
    return made | ({"needs": list(needs)} if needs else {})


def _query(name: str, image: str = "ehrql:v1") -> dict[str, Any]:
    run = f"{image} generate-dataset analysis/{name}.py --output output/{name}.csv"
    return {"run": run, "outputs": {"highly_sensitive": {"data": f"output/{name}.csv"}}}


def _script(name: str, output: str, *needs: str) -> dict[str, Any]:
    outputs = {"moderately_sensitive": {"out": output}}
    made: dict[str, Any] = {"run": f"python:v2 sh analysis/{name}.sh", "outputs": outputs}
    return made | ({"needs": list(needs)} if needs else {})


def actions() -> dict[str, dict[str, Any]]:
    """Return every action by its name."""
    programs = {
        "good": "echo 1 > output/good.txt",
        "slow": SLOW,
        "slow2": f"{SLOW}; exit 2",
        "slow3": f"{SLOW}; exit 3",
        "exits": "echo half > output/exits.txt; exit 7",
        "signal": f"echo 1 > output/signal.txt; {UNTIL_TOLD}",
        "empty": f"{UNTIL_TOLD}; exit 0",
        "killed": "echo 1 > output/killed.txt; kill -9 $$",
        "memory": f"exec {EAT}",
        "part": f"({EAT}); echo 1 > output/part.txt",
        "disk": f"{MANY}; {SLOW}",
        "unmatched": "echo 1 > output/unmatchd.txt",
        "first": "echo 1 > output/first.txt",
    }
    found = {name: _action(name, program) for name, program in programs.items()}
    found["untagged"] = _action("untagged", "true", image="python:v9")
    found["withheld"] = study._action(
        "withheld", "mkdir -p output; echo patient_id > output/withheld.csv", "output/withheld.csv"
    )
    found["after_slow"] = _action("after_slow", "true", "slow")
    found["after_exits"] = _action("after_exits", "exit 1", "exits")
    found["second"] = _action("second", "cp output/first.txt output/second.txt", "first")
    found["odd"] = _script("odd", "output/odd/*.txt")
    found["around"] = _script("around", "output/around/*.txt")
    found["spoil"] = _script("spoil", "output/spoil.txt", "first")
    found["code"] = _action("code", "cat analysis/odd.sh > output/code.txt")
    found["third"] = _action("third", "cp output/signal.txt output/third.txt", "signal")
    found |= {f"database{number}": _query(f"database{number}") for number in DATABASE_EXITS}
    found |= {name: _query(name) for name in ("query", "query2")}
    found["plan"] = _query("plan", "databuilder:v1")
    return found


def publish(gitroot: Path) -> Path:
    """Make the repository on the stand-in for the forge, with a second branch; return it."""
    folder = gitroot / study.ORGANISATION / REPOSITORY
    definitions = {f"database{number}": f"exit {number}\n" for number in DATABASE_EXITS}
    definitions |= {"query": f"{SLOW}\n", "query2": f"{SLOW}\n", "plan": "true\n"}
    (folder / "analysis").mkdir(parents=True)
    for name, text in definitions.items():
        (folder / f"analysis/{name}.py").write_text(text)
    for name, text in claims.PROGRAMS.items():
        (folder / f"analysis/{name}.sh").write_text(text)
    study.write(folder, {"version": "4", "actions": actions()})
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
    subprocess.run([*git, "branch", "other"], check=True)
    return folder
