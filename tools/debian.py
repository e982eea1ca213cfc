"""Small systems from this machine's own package archive, for what no registry hands out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from console import BUILD, Words, output, run, stop

SOURCE_FOLDER = Path("/etc/apt/sources.list.d")


def suite(release: str = "/etc/os-release") -> str:
    """Return the code name of this machine's release, such as `bookworm`."""
    for line in Path(release).read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    stop("this machine does not say which Debian or Ubuntu release it is (VERSION_CODENAME).")


def package_sources(wanted: str, folder: Path = SOURCE_FOLDER) -> list[Path]:
    """Return the source files of this machine that name a suite, its updates included."""
    found = [*folder.glob("*.list"), *folder.glob("*.sources"), folder.parent / "sources.list"]
    named = [path for path in sorted(found) if path.exists() and wanted in path.read_text()]
    if not named:
        stop(f"no package source of this machine names {wanted}; add one in {folder}.")
    return named


def make_tree(archive: Path, packages: tuple[str, ...]) -> None:
    """Write a minimal system as a tar file; its package sources are those of this machine."""
    release = suite()
    command: Words = [
        "mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}",
        "--customize-hook=rm -f $1/etc/ssh/ssh_host_* $1/usr/sbin/policy-rc.d",
        "--customize-hook=: > $1/etc/machine-id",
        "--customize-hook=rm -rf $1/usr/share/doc/* $1/usr/share/man/* $1/usr/share/locale/*",
        release, archive, *package_sources(release),
    ]  # fmt: skip
    os.umask(0o022)
    log = BUILD / "log/tree.log"
    run(command, "Read build/log/tree.log; the package archive must be reachable.", log=log)


def import_tree(tag: str, packages: tuple[str, ...], label: str) -> None:
    """Build a system and give it to the engine under a tag."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        archive = Path(folder) / "tree.tar"
        make_tree(archive, packages)
        command: Words = ["docker", "import", "--change", f"LABEL {label}", archive, tag]
        run(command, "Is the disk full?", log=BUILD / "log/import.log")


def python_tag(image: str) -> str:
    """Return the tag of the Python in an image, such as `cp311`."""
    program = "import sys; print('cp%d%d' % sys.version_info[:2])"
    command = ["docker", "run", "--rm", "--network=none", "--entrypoint=python3", image]
    answer = output([*command, "-c", program])
    return answer or stop(f"the image {image} does not start; read build/log/dockerd.log.")
