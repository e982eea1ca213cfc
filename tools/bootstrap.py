"""Set up a machine that has only Debian or Ubuntu, make, git and Python 3.11 or newer.

Installs the pinned tools into `.venv`; the profile `tools` does nothing else and needs no root.
The others also install missing Debian packages in one transaction, and start Docker Engine where
none answers. A second run changes nothing and takes a second.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console import BUILD, ROOT, Words, ask, output, run, stop, timed

VENV = ROOT / ".venv"
UV = "uv==0.13.9"
PACKAGES = {
    "engine": ["mmdebstrap", "openssh-client"],
    "test": [
        "mmdebstrap", "openssh-client", "chromium", "libnss3-tools", "git", "postgresql",
        "mariadb-server-core", "mariadb-client-core", "procps",
    ],
    "chaos": ["libfaketime", "postgresql"],
}  # fmt: skip
POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian asks before it starts a service whose package is being installed."""


def check_machine(profile: str) -> None:
    """Stop with the command to run if a prerequisite is missing; only an engine needs root."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this runs on whatever Python the machine has)
        stop("Python 3.11 or newer is needed; run: apt-get install python3.11 python3.11-venv")
    if not shutil.which("git"):
        stop("git is missing; run: sudo apt-get install git")
    if profile == "tools":
        check_owner()
        return
    if os.geteuid() != 0:
        stop("root is needed to install packages and start Docker Engine; run: sudo make ...")
    if not shutil.which("apt-get"):
        stop("this machine has no apt-get; use Debian 12 or Ubuntu 24.04 or newer.")


def check_owner() -> None:
    """Stop if this user cannot change what an earlier run of another user has left."""
    for folder in (VENV, BUILD):
        if folder.exists() and not os.access(folder, os.W_OK):
            stop(
                f"{folder.name} belongs to another user. Run: sudo chown -R $USER {folder},"
                " and go on without sudo."
            )
    if not VENV.exists() and not _has_ensurepip():
        stop("python3-venv is missing; run: sudo apt-get install python3-venv")


def missing_packages(wanted: list[str]) -> list[str]:
    """Return which Debian packages are not installed."""
    shown = output(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"]) or ""
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_packages(profile: str) -> None:
    """Install what is missing, the engine included, in one transaction."""
    wanted = list(PACKAGES[profile])
    if not engine_answers() and not shutil.which("dockerd"):
        wanted.append("docker.io")
    if not _has_ensurepip():
        wanted.append("python3-venv")
    missing = missing_packages(wanted)
    if not missing:
        return
    ask(f"These Debian packages will be installed: {', '.join(missing)}. Go on?")
    with timed(f"install {' '.join(missing)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        log = BUILD / "log/apt.log"
        run(["apt-get", "update"], "Check the package sources of this machine.", log=log, env=quiet)
        with _nothing_started():
            run(
                ["apt-get", "install", "-y", "--no-install-recommends", *missing],
                "Read build/log/apt.log and repair the package state (apt-get -f install).",
                log=log,
                env=quiet,
            )


@contextmanager
def _nothing_started() -> Iterator[None]:
    """Keep packages from starting their services: tests start servers of their own."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()


def _has_ensurepip() -> bool:
    return output([sys.executable, "-c", "import ensurepip, venv; print(1)"]) == "1"


def engine_answers() -> bool:
    """Return whether a Docker Engine can be used."""
    return bool(output(["docker", "info", "--format", "{{.ServerVersion}}"]))


def start_engine() -> None:
    """Start Docker Engine where none answers, and wait until it does."""
    if engine_answers():
        return
    ask("No Docker Engine answers; it will be started. Go on?")
    with timed("start Docker Engine"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"], "Read: journalctl -u docker")
        else:
            log = BUILD / "log/dockerd.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                subprocess.Popen(["dockerd"], stdout=stream, stderr=stream, start_new_session=True)
        for _ in range(60):
            if engine_answers():
                return
            time.sleep(1)
    stop("Docker Engine did not start within a minute; read build/log/dockerd.log.")


def wanted_state() -> str:
    """Return a digest of everything that decides what is in `.venv`."""
    digest = hashlib.sha256(f"{sys.version_info[:3]}{UV}{ROOT}".encode())
    digest.update((ROOT / "requirements-dev.txt").read_bytes())
    for path in sorted(ROOT.glob("files/*/pyproject.toml")):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def make_environment() -> None:
    """Build `.venv` from the locked requirements, and our own packages in editable form."""
    stamp = VENV / "sallyport-state"
    state = wanted_state()
    if stamp.exists() and stamp.read_text() == state:
        return
    with timed("install the pinned tools into .venv"):
        log = BUILD / "log/venv.log"
        uv = VENV / "bin/uv"
        advice = "Read build/log/venv.log; the package index must be reachable."
        if not (VENV / "bin/python").exists():
            run([sys.executable, "-m", "venv", VENV], "Run: apt-get install python3-venv", log=log)
        if not uv.exists():
            run([VENV / "bin/pip", "install", "--quiet", UV], advice, log=log)
        install: Words = [uv, "pip", "install", "--python", VENV / "bin/python"]
        run([*install, "--require-hashes", "-r", ROOT / "requirements-dev.txt"], advice, log=log)
        ours = [["-e", str(path.parent)] for path in sorted(ROOT.glob("files/*/pyproject.toml"))]
        run([*install, "--no-deps", *(word for pair in ours for word in pair)], advice, log=log)
        stamp.write_text(state)


def main() -> int:
    """Bring the machine to the state that the rest of the tools expect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", choices=["tools", *PACKAGES], help="what will be run")
    profile = parser.parse_args().profile
    check_machine(profile)
    if profile != "tools":
        install_packages(profile)
    make_environment()
    if profile != "tools":
        start_engine()
    return 0


if __name__ == "__main__":
    sys.exit(main())
