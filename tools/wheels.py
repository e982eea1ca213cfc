"""Build what leaves the controller: one archive of wheels per component and target Python.

An archive holds `wheels/`, `requirements.txt` (third-party, hashed), `ours.txt` (our own, hashed)
and `VERSION`. Hosts install from it without a package index.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import distributions
from console import BUILD, ROOT, run, timed

PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "any")


def build_ours(name: str, folder: Path) -> Path:
    """Build the wheel of one of our distributions into a folder and return it."""
    work = folder / name
    shutil.copytree(
        ROOT / "files" / name, work, ignore=shutil.ignore_patterns("*.egg-info", "build")
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, work]
    run(command, "Read the log.", log=BUILD / f"log/wheel-{name}.log")
    return next(folder.glob(f"sallyport_{name}-*.whl"))


def download(requirements: Path, python_tag: str, folder: Path) -> None:
    """Collect locked third-party wheels for a target Python."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--implementation=cp", f"--python-version={python_tag[2:]}",
        *(f"--platform={platform}" for platform in PLATFORMS), "-r", requirements, "-d", folder,
    ]  # fmt: skip
    run(command, "The package index must be reachable.", log=BUILD / "log/wheels.log")


def hashed(wheel: Path) -> str:
    """Return the requirements line of one wheel."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}"


def archive(name: str, python_tag: str, ours: dict[str, Path]) -> None:
    """Write the archive of one component, unless the present one is of the same release."""
    version = distributions.release(name, python_tag)
    target = BUILD / f"wheels/{name}/{python_tag}.tar"
    stamp = target.with_suffix(".version")
    if target.exists() and stamp.exists() and stamp.read_text() == version:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with timed(f"wheels of {name} {version}"), tempfile.TemporaryDirectory(dir=BUILD) as temporary:
        folder = Path(temporary)
        (folder / "wheels").mkdir()
        requirements = ROOT / "files" / name / "requirements.txt"
        download(requirements, python_tag, folder / "wheels")
        parts = distributions.own_parts(name)
        for part in parts:
            if part not in ours:
                ours[part] = build_ours(part, Path(tempfile.mkdtemp(dir=BUILD / "ours")))
            shutil.copy(ours[part], folder / "wheels")
        (folder / "ours.txt").write_text("".join(f"{hashed(ours[part])}\n" for part in parts))
        shutil.copy(requirements, folder / "requirements.txt")
        (folder / "VERSION").write_text(f"{version}\n")
        with tarfile.open(target, "w") as stream:
            for path in sorted(folder.iterdir()):
                stream.add(path, path.name)
        stamp.write_text(version)


def main() -> int:
    """Build every archive that is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tags", nargs="*", default=["cp311"], help="target Pythons, such as cp312")
    shutil.rmtree(BUILD / "ours", ignore_errors=True)
    (BUILD / "ours").mkdir(parents=True)
    ours: dict[str, Path] = {}
    for tag in parser.parse_args().tags:
        for name in distributions.components():
            if (ROOT / "files" / name / "requirements.txt").exists():
                archive(name, tag, ours)
    shutil.rmtree(BUILD / "ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
