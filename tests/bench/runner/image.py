"""The tiny image that jobs of the benchmark run in: a static busybox, as a registry serves it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "opensafely-core/python"
LABEL = "org.sallyport.rig=test"
PHASES = "org.sallyport.phases"
PEER = ("ghcr.io/opensafely-core/python:v2", "ghcr.io/opensafely-core/busybox:latest")
"""The constant names by which the peer runs jobs and moves files: they must exist here."""
APPLETS = (
    "cat", "cp", "echo", "find", "grep", "ls", "mkdir", "nc", "sh", "sleep", "tar", "true", "wc",
)  # fmt: skip
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def busybox(folder: Path) -> bytes:
    """Return a static busybox, from the package of this machine's own archive."""
    program = folder / "bin/busybox"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["apt-get", "download", "-o", "APT::Sandbox::User=root", "busybox-static"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        package = next(folder.glob("busybox-static_*.deb"))
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return program.read_bytes()


def _layer(program: bytes, scripts: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("workspace", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for name, content, mode in (
            ("bin/busybox", program, 0o755),
            ("etc/passwd", b"root:x:0:0::/:/bin/sh\n", 0o644),
            *((f"bin/{name}", text.encode(), 0o755) for name, text in scripts.items()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return stream.getvalue()


def digest_of(data: bytes) -> str:
    """Return the digest as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write(
    folder: Path,
    program: bytes,
    *entrypoint: str,
    scripts: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Write manifest, configuration and layer, each named by its digest; return the manifest's.

    An image with scripts of its own compiles definitions apart from querying the database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layer = _layer(program, scripts or {})
    phases = {PHASES: "compile,execute"} if scripts else {}
    packed = gzip.compress(layer, mtime=0)
    label, _, value = LABEL.partition("=")
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["PATH=/bin"],
                "WorkingDir": "/workspace",
                "Entrypoint": list(entrypoint),
                "Labels": {label: value} | phases | dict(labels or {}),
            },
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _described(config, CONFIG),
            "layers": [_described(packed, LAYER)],
        }
    ).encode()
    for data in (packed, config, manifest):
        (folder / digest_of(data)).write_bytes(data)
    return digest_of(manifest)


def _described(data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}


def pull(registry: str, digest: str) -> str:
    """Pull the image by its digest, give it the peer's names, and return its identifier.

    Raises RuntimeError where those names already belong to an image that is not ours.
    """
    for name in PEER:
        if _identifier(name) and not _is_ours(name):
            raise RuntimeError(f"the image {name} of this machine is not the benchmark's: not used")
    reference = f"{registry}/{NAME}@{digest}"
    _docker("pull", "--quiet", reference)
    for name in PEER:
        _docker("tag", reference, name)
    return _identifier(reference)


def remove(identifier: str) -> None:
    """Remove the image with all its names."""
    _docker("image", "rm", "--force", identifier)


def _identifier(name: str) -> str:
    words = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _is_ours(name: str) -> bool:
    label = LABEL.partition("=")[0]
    words = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{label}"}}}}']
    return _docker(*words[1:], name).strip() == LABEL.partition("=")[2]


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout
