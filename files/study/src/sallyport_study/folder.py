"""The study in a folder, for programs on a researcher's machine."""

from __future__ import annotations

from pathlib import Path

from sallyport_study.errors import ProjectError
from sallyport_study.parser import decode_project, parse_project
from sallyport_study.project import Project

FILE = "project.yaml"


def read_study(root: Path) -> Project:
    """Return the project of the study in a folder; raise ProjectError."""
    try:
        return parse_project(decode_project((root / FILE).read_bytes()))
    except FileNotFoundError:
        above = next((folder for folder in root.parents if (folder / FILE).exists()), None)
        where = f"; the study begins in {above}" if above else ""
        raise ProjectError([f"There is no {FILE} in {root}{where}."]) from None
    except OSError as error:
        raise ProjectError([f"{FILE} cannot be read: {error.strerror}."]) from error
