"""Build what leaves the controller: one archive of wheels per component and target Python.

An archive holds `wheels/`, `requirements.txt` (third-party, hashed), `ours.txt` (our own, hashed)
and `VERSION`. Hosts install from it without a package index.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import distributions
import packing
from console import BUILD, ROOT, timed


def hashed(wheel: Path) -> str:
    """Return the requirements line of one wheel."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}"


def archive(name: str, python_tag: str) -> str:
    """Write the archive of one component unless it is current; return its release."""
    version = distributions.release(name, python_tag)
    target = BUILD / f"wheels/{name}/{python_tag}.tar"
    stamp = target.with_suffix(".version")
    if target.exists() and stamp.exists() and stamp.read_text() == version:
        return version
    target.parent.mkdir(parents=True, exist_ok=True)
    with timed(f"wheels of {name} {version}"), tempfile.TemporaryDirectory(dir=BUILD) as temporary:
        fill(Path(temporary), name, python_tag, version)
        with tarfile.open(target, "w") as stream:
            for path in sorted(Path(temporary).iterdir()):
                stream.add(path, path.name)
        stamp.write_text(version)
    return version


def fill(folder: Path, name: str, python_tag: str, version: str) -> None:
    """Collect what an archive holds in a folder."""
    wheels = folder / "wheels"
    wheels.mkdir()
    requirements = ROOT / "files" / name / "requirements.txt"
    packing.download(requirements, python_tag, wheels)
    ours = [packing.build_ours(part, wheels) for part in distributions.own_parts(name)]
    (folder / "ours.txt").write_text("".join(f"{hashed(wheel)}\n" for wheel in ours))
    shutil.copy(requirements, folder / "requirements.txt")
    (folder / "VERSION").write_text(f"{version}\n")


def main() -> int:
    """Build what is not current and print each release; two runs at a time take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", nargs="?", default="cp311", help="target Python, such as cp312")
    parser.add_argument("--component", action="append", choices=distributions.components())
    options = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "wheels.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        for name in options.component or distributions.components():
            if (ROOT / "files" / name / "requirements.txt").exists():
                print(archive(name, options.tag))
    return 0


if __name__ == "__main__":
    sys.exit(main())
