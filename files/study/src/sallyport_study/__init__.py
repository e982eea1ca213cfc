"""What a study's project.yaml says: actions, outputs, privacy levels and dependencies.

`parse_project(text)` returns a `Project`, or raises `ProjectError` that lists every problem.
"""

from sallyport_study.errors import ProjectError
from sallyport_study.images import RUN_ALL
from sallyport_study.parser import LARGEST_PROJECT_FILE, TOO_LARGE, decode_project, parse_project
from sallyport_study.project import Action, Project

__all__ = [
    "LARGEST_PROJECT_FILE",
    "RUN_ALL",
    "TOO_LARGE",
    "Action",
    "Project",
    "ProjectError",
    "decode_project",
    "parse_project",
]
