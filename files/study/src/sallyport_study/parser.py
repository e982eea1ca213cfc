"""From the text of a project.yaml to a Project; every problem is found before one is reported."""

from __future__ import annotations

from functools import lru_cache

from sallyport_common.strict_yaml import Finding, no_collector
from sallyport_study import syntax
from sallyport_study.errors import ProjectError, shortened
from sallyport_study.project import Project
from sallyport_study.reader import read_project

LARGEST_PROJECT_FILE = 4 * 1024 * 1024
"""Bytes of a project.yaml: real ones reach 2.5 MB, and twice that is read in a few seconds."""
NOT_UTF_8 = "project.yaml is not text in UTF-8; save it again with the encoding UTF-8."
TOO_LARGE = f"project.yaml is larger than {LARGEST_PROJECT_FILE // 2**20} MiB."
KEPT_PROJECTS = 8


def decode_project(content: bytes) -> str:
    """Return the text of a project.yaml; raise ProjectError for one that is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ProjectError([Finding(line, column, NOT_UTF_8)]) from None


def parse_project(text: str) -> Project:
    """Return the project that a string describes; raise ProjectError listing every problem.

    The projects read last are cached: a commit is run many times, and the text decides alone.
    """
    outcome = _outcome(text)
    if isinstance(outcome, Project):
        return outcome
    raise ProjectError(outcome)


@lru_cache(maxsize=KEPT_PROJECTS)
def _outcome(text: str) -> Project | tuple[Finding, ...]:
    try:
        with no_collector():
            return _parse(text)
    except ProjectError as error:
        return error.findings


def _parse(text: str) -> Project:
    if len(text.encode("utf-8", "replace")) > LARGEST_PROJECT_FILE:
        raise ProjectError([TOO_LARGE])
    source = syntax.read(text)
    project, report = read_project(source.document) if source.document else (None, None)
    problems = [*source.findings, *(map(source.original, report.problems) if report else ())]
    if problems or project is None:
        raise ProjectError(shortened(problems))
    return project
