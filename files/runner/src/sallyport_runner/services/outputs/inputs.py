"""The digests of a job's inputs, kept beside its volume from its preparation to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sallyport_common.paths import write_atomic
from sallyport_runner.services.outputs.volumes import Volume

_NAME = "inputs.json"
"""Beside the marker `prepared`, outside all that a job can write to."""


def keep(volume: Volume, digests: Mapping[str, str]) -> None:
    """Keep the SHA-256 of each file that was copied in, by path."""
    if digests:
        write_atomic(volume.root / _NAME, json.dumps(digests).encode())


def kept(volume: Volume) -> dict[str, str]:
    """Return what `keep` was given; nothing where there were no inputs."""
    try:
        return dict(json.loads((volume.root / _NAME).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
