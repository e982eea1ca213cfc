"""Remove one control at a time and see the test that claims it go red.

`tests/mutants.toml` lists them. A mutant of the source (`file`, `replace`, `by`) is applied to a
copy of the tree; one of a running rig (`break`, `repair`: shell commands) to the test topology.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__")

Mutant = dict[str, str]


def load() -> list[Mutant]:
    """Return every mutant of the list."""
    text = (ROOT / "tests/mutants.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["mutant"])


def chosen(mutants: list[Mutant], number: int | None) -> list[Mutant]:
    """Return all, or `number` of them picked by the hash of the commit."""
    if number is None or number >= len(mutants):
        return mutants
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"mutants: {number} of {len(mutants)}, seed {head[:12]}")
    return random.Random(head).sample(mutants, number)  # noqa: S311 (a choice, not a secret)


def run_test(tree: Path, test: str) -> int:
    """Return pytest's exit code for one test of a tree: 0 green, 1 red, else broken."""
    sources = os.pathsep.join(str(path) for path in sorted(tree.glob("files/*/src")))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    return subprocess.run(
        command,
        cwd=tree,
        env=os.environ
        | {"PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1", "SALLYPORT_KEEP": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode


def in_source(mutant: Mutant) -> tuple[int, int]:
    """Return the exit codes of the test before and after the change, in a copy of the tree."""
    with tempfile.TemporaryDirectory(prefix="sallyport-mutant-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, symlinks=True, ignore=LEFT_OUT)
        before = run_test(tree, mutant["test"])
        path = tree / mutant["file"]
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(mutant["replace"], mutant["by"], 1), encoding="utf-8")
        return before, run_test(tree, mutant["test"])


def on_rig(mutant: Mutant) -> tuple[int, int]:
    """Return the exit codes before and after, on the running test topology; repair it again."""
    before = run_test(ROOT, mutant["test"])
    try:
        subprocess.run(["sh", "-c", mutant["break"]], cwd=ROOT, check=True)
        return before, run_test(ROOT, mutant["test"])
    finally:
        subprocess.run(["sh", "-c", mutant["repair"]], cwd=ROOT, check=True)


def judge(mutant: Mutant) -> bool:
    """Run one mutant and print its line; return whether the test failed as it should."""
    started = time.monotonic()
    before, after = (in_source if "file" in mutant else on_rig)(mutant)
    good = (before, after) == (0, 1)
    verdict = "killed" if good else f"NOT KILLED (before {before}, after {after})"
    print(f"{verdict:8} {time.monotonic() - started:5.1f} s  {mutant['claim']}  [{mutant['test']}]")
    return good


def main() -> int:
    """Run the mutants that were asked for; exit 1 if any test stayed green."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many, picked by the commit's hash")
    parser.add_argument("--layer", choices=["source", "rig"], help="only mutants of this layer")
    options = parser.parse_args()
    mutants = [
        mutant
        for mutant in load()
        if options.layer is None or ("file" in mutant) == (options.layer == "source")
    ]
    results = [judge(mutant) for mutant in chosen(mutants, options.sample)]
    print(f"mutants: {sum(results)} of {len(results)} killed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
