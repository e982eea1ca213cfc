"""Wheels: our own, built here, and third-party ones, downloaded for a target's Python."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from console import BUILD, ROOT, Words, run

PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "any")
LEFT_OUT = shutil.ignore_patterns("*.egg-info", "build", "__pycache__")
# The earliest time that a zip file can hold, so that equal sources give equal wheels.
EPOCH = {"SOURCE_DATE_EPOCH": "315532800"}


def build_ours(name: str, folder: Path) -> Path:
    """Build the wheel of one of our distributions into a folder and return it."""
    with tempfile.TemporaryDirectory(dir=BUILD) as temporary:
        work, out = Path(temporary) / name, Path(temporary) / "out"
        shutil.copytree(ROOT / "files" / name, work, ignore=LEFT_OUT)
        command: Words = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "-o",
            out,
            work,
        ]
        log = BUILD / f"log/wheel-{name}.log"
        run(command, f"Correct files/{name}/pyproject.toml.", log=log, env=EPOCH)
        return Path(shutil.move(str(next(out.glob("*.whl"))), folder))


def download(requirements: Path, python_tag: str, folder: Path) -> None:
    """Collect locked third-party wheels for a target Python, such as `cp311`."""
    command: Words = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--implementation=cp", f"--python-version={python_tag[2:]}",
        *(f"--platform={platform}" for platform in PLATFORMS), "-r", requirements, "-d", folder,
    ]  # fmt: skip
    run(command, "The package index must be reachable.", log=BUILD / "log/download.log")
