"""Build the images that cannot be pulled: the host image, and the images that jobs run in.

Each is tagged with a digest of what it is made from and built only when that tag is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from console import BUILD, ROOT, output, run, stop, timed

SOURCES = ROOT / "files/images"
LABEL = "org.sallyport.image"
SUITE = "bookworm"
PYTHON_TAG = "cp311"
HOST_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "sudo", "openssh-server",
    "ca-certificates",
)  # fmt: skip
JOB_PACKAGES = ("python3-minimal", "python3", "ca-certificates")
UBUNTU = "ubuntu:24.04"


def digest_of(*parts: str | Path) -> str:
    """Return twelve characters that change with any text, file or folder given."""
    digest = hashlib.sha256()
    for part in parts:
        paths = [part] if isinstance(part, Path) else []
        if isinstance(part, Path) and part.is_dir():
            paths = sorted(path for path in part.rglob("*") if path.is_file())
        for path in paths:
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
        if isinstance(part, str):
            digest.update(part.encode())
    return digest.hexdigest()[:12]


def exists(tag: str) -> bool:
    """Tell whether the engine has an image of this tag."""
    return output(["docker", "image", "inspect", "--format", "{{.Id}}", tag]) is not None


def package_sources() -> list[str]:
    """Return this machine's own source files for Debian packages, with updates and security."""
    folder = Path("/etc/apt/sources.list.d")
    found = sorted(
        [*folder.glob("*.list"), *folder.glob("*.sources"), Path("/etc/apt/sources.list")]
    )
    named = [str(path) for path in found if path.exists() and SUITE in path.read_text()]
    if not named:
        stop(f"no package source of this machine names {SUITE}; add one in {folder}.")
    return named


def make_tree(archive: Path, packages: tuple[str, ...]) -> None:
    """Write a minimal Debian system as a tar file."""
    # The sources stay in the image: hosts get packages from where this machine does.
    command = [
        "mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}",
        "--customize-hook=rm -f $1/etc/ssh/ssh_host_* $1/usr/sbin/policy-rc.d",
        "--customize-hook=: > $1/etc/machine-id",
        SUITE, archive, *package_sources(),
    ]  # fmt: skip
    run(command, "Read the log; the package archive must be reachable.", log=BUILD / "log/tree.log")


def import_tree(tag: str, packages: tuple[str, ...]) -> None:
    """Build a Debian system and give it to the engine under a tag."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        archive = Path(folder) / "tree.tar"
        make_tree(archive, packages)
        run(["docker", "import", archive, tag], "Is the disk full?", log=BUILD / "log/import.log")


def build(context: Path, tag: str, base: str) -> None:
    """Build an image from a folder with a Dockerfile, on top of a base image that we have."""
    command = [
        "docker", "build", "--network=none", "--build-arg", f"BASE={base}",
        "--label", f"{LABEL}={tag}", "-t", tag, context,
    ]  # fmt: skip
    log = BUILD / f"log/build-{context.name}.log"
    run(command, f"Read {log.relative_to(ROOT)}.", log=log, env={"DOCKER_BUILDKIT": "0"})


def ubuntu_answers() -> bool:
    """Try once, for five seconds, whether a registry hands out the Ubuntu image."""
    return output(["timeout", "5", "docker", "pull", "--quiet", UBUNTU]) is not None


def host_image() -> str:
    """Return the tag of the host image, building it when it is missing."""
    tag = f"sallyport-host:{digest_of(SOURCES / 'host', *HOST_PACKAGES, SUITE)}"
    if not exists(tag):
        with timed("build the host image"):
            base = UBUNTU
            if not ubuntu_answers():
                base = tag.replace("host:", "host-tree:")
                import_tree(base, HOST_PACKAGES)
            build(SOURCES / "host", tag, base)
    return tag


def job_base() -> str:
    """Return the tag of the small Debian system with Python that job images stand on."""
    tag = f"sallyport-job-base:{digest_of(*JOB_PACKAGES, SUITE)}"
    if not exists(tag):
        with timed("build the base of the job images"):
            import_tree(tag, JOB_PACKAGES)
    return tag


def download_wheels(requirements: Path, folder: Path) -> None:
    """Collect the locked wheels of a job image; containers reach no package index."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--no-deps",
        "--implementation=cp", f"--python-version={PYTHON_TAG[2:]}", "--require-hashes",
        *[f"--platform=manylinux{version}_x86_64" for version in ("2014", "_2_17", "_2_28")],
        "-r", requirements, "-d", folder,
    ]  # fmt: skip
    run(command, "The package index must be reachable.", log=BUILD / "log/job-wheels.log")


def prepare_context(name: str, context: Path) -> None:
    """Fill a build context: our files, the third-party wheels, and what the image runs of ours."""
    shutil.copytree(SOURCES / name, context, dirs_exist_ok=True)
    for helper in ("entrypoint", "install.py"):
        shutil.copy(SOURCES / "job_base" / helper, context / helper)
    (context / "wheels").mkdir()
    download_wheels(context / "requirements.txt", context / "wheels")
    for line in (
        (context / "ours.txt").read_text().split() if (context / "ours.txt").exists() else []
    ):
        run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", context / "wheels",
             ROOT / "files" / line],
            "Read the log.", log=BUILD / f"log/wheel-{line}.log",
        )  # fmt: skip


def job_image(name: str, reference: str, *sources: Path) -> Path:
    """Return the archive of a job image (docker save), building it when it is missing."""
    base = job_base()
    tag = f"sallyport-job-{name}:{digest_of(base, SOURCES / name, SOURCES / 'job_base', *sources)}"
    archive = BUILD / f"images/{name}.tar"
    stamp = archive.with_suffix(".tag")
    if archive.exists() and stamp.exists() and stamp.read_text() == tag:
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not exists(tag):
        with (
            timed(f"build the job image {reference}"),
            tempfile.TemporaryDirectory(dir=BUILD) as folder,
        ):
            context = Path(folder) / name
            prepare_context(name, context)
            build(context, tag, base)
    run(["docker", "tag", tag, f"sallyport.invalid/{reference}"], "Is the engine up?")
    run(["docker", "save", "-o", archive, f"sallyport.invalid/{reference}"], "Is the disk full?")
    stamp.write_text(tag)
    return archive


JOB_IMAGES: dict[str, tuple[str, tuple[Path, ...]]] = {
    "python_v2": ("python:v2", ()),
    "databuilder_v1": (
        "databuilder:v1",
        tuple(ROOT / "files" / name / "src" for name in ("common", "data_builder", "ehrql_alias")),
    ),
}


def main() -> int:
    """Build what is asked for and print its tag or archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["host", "jobs"])
    BUILD.mkdir(exist_ok=True)
    if parser.parse_args().what == "host":
        (BUILD / "host-image").write_text(host_image())
        return 0
    for name, (reference, sources) in JOB_IMAGES.items():
        if (SOURCES / name / "Dockerfile").exists():
            job_image(name, reference, *sources)
    return 0


if __name__ == "__main__":
    sys.exit(main())
