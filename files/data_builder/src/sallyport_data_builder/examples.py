"""Example tables of the core schema: invented patients, few enough to be read by eye.

They ship as files, so that they are the same everywhere and can be edited after they are written.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.io import outputs

LOG = logging.getLogger("data_builder")
FOLDER = Path(__file__).parent / "example_data"


def dump(folder: str) -> None:
    """Write a file per table; raise ArgumentsError where that is not possible."""
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise ArgumentsError(f"-d {folder}: there is a file of that name; name a folder.")
    files = sorted(FOLDER.glob("*.csv"))
    for file in files:
        with outputs.opened(target / file.name) as stream:
            stream.write(file.read_bytes())
    LOG.info("%s example tables in %s", len(files), folder)
