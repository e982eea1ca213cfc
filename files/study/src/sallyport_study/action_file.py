"""Reads `action.yaml`, in which the repository of a reusable action says what it runs."""

from __future__ import annotations

from sallyport_common import strict_yaml
from sallyport_common.strict_yaml import Finding, YamlError
from sallyport_study import images
from sallyport_study.catalogue import Catalogue
from sallyport_study.document import Part
from sallyport_study.errors import cut, suggestion

FILE = "action.yaml"
LARGEST = 64 * 1024
"""Bytes of an action.yaml; real ones have a few lines."""
TOO_LARGE = f"Its {FILE} is larger than {LARGEST // 1024} KiB."
EXAMPLE = "as in 'run: python:v2 python analysis/main.py'"


class ActionFileError(Exception):
    """An action.yaml cannot be used; `findings` say why, each with its place."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(findings)
        self.findings = findings


def read_run(content: bytes, catalogue: Catalogue) -> list[str]:
    """Return the words of the `run` of an action.yaml; raise ActionFileError.

    Its image is one of the backend's, with a fixed tag, and it does not query the database. Other
    keys are left to the people who look after the action.
    """
    part = _run_of(content)
    run = part.string
    if run is None or not run.strip():
        raise _error(part, f"'run' must be one line of text, {EXAMPLE}.")
    try:
        words = images.split_run(run)
    except ValueError:
        raise _error(part, "'run' has a quotation mark without its partner.") from None
    problem = run_problem(words, catalogue)
    if problem:
        raise _error(part, problem)
    return words


def run_problem(words: list[str], catalogue: Catalogue) -> str:
    """Return why a reusable action may not run these words, as a sentence; '' if it may."""
    first = cut(words[0])
    name, _colon, tag = words[0].partition(":")
    if not name or not images.is_tag(tag):
        return f"'run' must begin with an image and its version, as in 'python:v2', not '{first}'."
    if name not in catalogue:
        near = suggestion(name, catalogue.names)
        return (
            f"'run' uses '{first}', which is not an image of this backend{near} A reusable action "
            f"runs in one of {', '.join(catalogue.names)}."
        )
    if tag == "latest":
        return f"'run' uses '{first}'; it must name the version of the image, as in '{name}:v2'."
    if problem := catalogue.tag_problem(words[0]):
        return f"'run' uses '{first}', {problem}"
    if catalogue.queries_database(words):
        return "'run' queries the database, which a reusable action may not."
    return ""


def _run_of(content: bytes) -> Part:
    if len(content) > LARGEST:
        raise ActionFileError(Finding(0, 0, TOO_LARGE))
    try:
        document = strict_yaml.compose(content.decode("utf-8"))
        root = Part(document, document.root) if document.root else None
        entries = root.entries if root else None
    except UnicodeDecodeError:
        raise ActionFileError(Finding(0, 0, "it is not text in UTF-8.")) from None
    except YamlError as error:
        raise ActionFileError(*error.findings) from None
    if document.findings:
        raise ActionFileError(*document.findings)
    found = [value for key, value in entries or [] if key.written == "run"]
    if root is None or not found:
        place = root.place if root else (1, 1)
        raise ActionFileError(Finding(*place, f"the line 'run:' is missing, {EXAMPLE}."))
    return found[0]


def _error(part: Part, text: str) -> ActionFileError:
    return ActionFileError(Finding(*part.place, text))
