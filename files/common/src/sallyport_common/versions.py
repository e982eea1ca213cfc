"""Which version of ours is installed."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path


def package_version(distribution: str) -> str:
    """Return the installed release (`SALLYPORT_RELEASE` names its folder), else the metadata's."""
    release = os.environ.get("SALLYPORT_RELEASE")
    if release:
        return (Path(release) / "VERSION").read_text(encoding="utf-8").strip()
    return importlib.metadata.version(distribution)
