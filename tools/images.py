"""Build the images that cannot be pulled: the host image, and the images that jobs run in.

Each is tagged with a digest of what it is made from and built only when that tag is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import debian
import distributions
import packing
from console import BUILD, ROOT, Words, output, run, stop, timed

SOURCES = ROOT / "files/images"
LABEL = "org.sallyport.image"
UBUNTU = "ubuntu:24.04"
HOST_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "sudo", "openssh-server",
    "ca-certificates",
)  # fmt: skip
JOB_PACKAGES = ("python3-minimal", "python3", "ca-certificates")


@dataclass(frozen=True)
class JobImage:
    """A job image: its folder, the names that studies use, and what it holds of ours."""

    folder: str
    reference: str
    ours: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def distributions(self) -> list[str]:
        """Return the distributions that go into it, or none while the main one is not there."""
        present = [name for name in self.ours if name in distributions.names()]
        found: list[str] = []
        for name in present:
            found += [part for part in distributions.own_parts(name) if part not in found]
        return found

    def requirements(self) -> list[Path]:
        """Return the locks of the third-party wheels that go into it."""
        paths = [SOURCES / self.folder / "requirements.txt"]
        paths += [ROOT / "files" / name / "requirements.txt" for name in self.ours]
        return [path for path in paths if path.exists()]

    def ready(self) -> bool:
        """Return whether what it is made from exists and is locked."""
        return bool(self.requirements())


JOB_IMAGES = (
    JobImage("python_v2", "python:v2"),
    JobImage("databuilder_v1", "databuilder:v1", ("data_builder", "ehrql_alias"), ("ehrql:v1",)),
)


def digest_of(*parts: str | Path) -> str:
    """Return twelve characters that change with any text, file or folder given."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
            continue
        paths = [path for path in part.rglob("*") if path.is_file()] if part.is_dir() else [part]
        for path in sorted(paths):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def exists(tag: str) -> bool:
    """Return whether the engine has an image of this tag."""
    return output(["docker", "image", "inspect", "--format", "{{.Id}}", tag]) is not None


def build(context: Path, tag: str, base: str, *options: str) -> None:
    """Build an image from a folder with a Dockerfile, on top of a base image that we have."""
    command: Words = [
        "docker", "build", "--build-arg", f"BASE={base}", "--label", f"{LABEL}={tag}",
        "-t", tag, *options, context,
    ]  # fmt: skip
    log = BUILD / f"log/build-{context.name}.log"
    run(command, f"Read {log.relative_to(ROOT)}.", log=log, env={"DOCKER_BUILDKIT": "0"})


def pull_ubuntu() -> bool:
    """Pull the Ubuntu image if a registry answers one attempt of five seconds."""
    if output(["timeout", "5", "docker", "manifest", "inspect", UBUNTU]) is None:
        return False
    return output(["timeout", "300", "docker", "pull", "--quiet", UBUNTU]) is not None


def host_image() -> str:
    """Return the tag of the host image, building it when it is missing."""
    digest = digest_of(SOURCES / "host", *HOST_PACKAGES, debian.suite())
    tag = f"sallyport-host:{digest}"
    if exists(tag):
        return tag
    with timed("build the host image"):
        if pull_ubuntu():
            base = UBUNTU
        else:
            base = f"sallyport-host-tree:{digest_of(*HOST_PACKAGES, debian.suite())}"
            if not exists(base):
                debian.import_tree(base, HOST_PACKAGES, f"{LABEL}={base}")
        build(SOURCES / "host", tag, base, "--build-arg", f"PACKAGES={' '.join(HOST_PACKAGES)}")
    return tag


def job_base() -> str:
    """Return the tag of the small system with Python that job images are built on."""
    tag = f"sallyport-job-base:{digest_of(*JOB_PACKAGES, debian.suite())}"
    if not exists(tag):
        with timed("build the base of the job images"):
            debian.import_tree(tag, JOB_PACKAGES, f"{LABEL}={tag}")
    return tag


def prepare_context(image: JobImage, python_tag: str, context: Path) -> None:
    """Fill a build context: our files, the third-party wheels, and what the image runs of ours."""
    shutil.copytree(SOURCES / image.folder, context, dirs_exist_ok=True)
    for helper in ("entrypoint", "install.py"):
        shutil.copy(SOURCES / "job_base" / helper, context / helper)
    wheels = context / "wheels"
    wheels.mkdir()
    for requirements in image.requirements():
        packing.download(requirements, python_tag, wheels)
    for name in image.distributions():
        packing.build_ours(name, wheels)


def job_image(image: JobImage) -> None:
    """Write the archive of a job image (docker save) unless it is current."""
    base = job_base()
    sources = [path for name in image.distributions() for path in distributions.sources(name)]
    own = [SOURCES / image.folder, SOURCES / "job_base", *image.requirements(), *sources]
    tag = f"sallyport-job-{image.folder}:{digest_of(base, *own)}"
    archive = BUILD / f"images/{image.folder}.tar"
    stamp = archive.with_suffix(".tag")
    if archive.exists() and stamp.exists() and stamp.read_text() == tag:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    with timed(f"build the job image {image.reference}"):
        if not exists(tag):
            with tempfile.TemporaryDirectory(dir=BUILD) as folder:
                context = Path(folder) / image.folder
                prepare_context(image, debian.python_tag(base), context)
                build(context, tag, base, "--network=none")
        name = f"sallyport.invalid/{image.reference}"
        run(["docker", "tag", tag, name], "Is Docker Engine up?")
        run(["docker", "save", "-o", archive, name], "Is the disk full?")
    stamp.write_text(tag)


def push(image: JobImage, target: str) -> None:
    """Push a job image to `registry/namespace` under each of its names.

    The engine's own credentials are used (`docker login`), and its own list of trusted authorities.
    """
    tag = (BUILD / f"images/{image.folder}.tag").read_text(encoding="utf-8")
    for reference in (image.reference, *image.aliases):
        name = f"{target.rstrip('/')}/{reference}"
        with timed(f"push {name}"):
            run(["docker", "tag", tag, name], "Is Docker Engine running?")
            advice = f"Log in to the registry first: docker login {target.partition('/')[0]}"
            run(["docker", "push", "--quiet", name], advice, log=BUILD / "log/push.log")


def check_engine() -> None:
    """Stop with the command to run if images cannot be built here."""
    if output(["docker", "info", "--format", "{{.ServerVersion}}"]) is None:
        stop(
            "Docker Engine does not answer this user. Run: sudo apt-get install docker.io"
            " && sudo usermod -aG docker $USER, then log in again."
        )
    if not shutil.which("mmdebstrap"):
        stop("mmdebstrap is missing. Run: sudo apt-get install mmdebstrap uidmap")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for; `build/host-image` and `build/host-python` say what hosts are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["host", "jobs"], nargs="+")
    parser.add_argument("--push", metavar="REGISTRY/NAMESPACE", help="push the job images there")
    options = parser.parse_args(arguments)
    if options.push and "/" not in options.push.strip("/"):
        stop(f"--push {options.push} lacks the namespace: write registry.example.org/namespace.")
    check_engine()
    what = options.what
    BUILD.mkdir(exist_ok=True)
    if "host" in what:
        tag = host_image()
        stamp = BUILD / "host-image"
        if not stamp.exists() or stamp.read_text() != tag:
            (BUILD / "host-python").write_text(debian.python_tag(tag))
            stamp.write_text(tag)
    if "jobs" in what:
        for image in JOB_IMAGES:
            if image.ready():
                job_image(image)
                if options.push:
                    push(image, options.push)
    return 0


if __name__ == "__main__":
    sys.exit(main())
