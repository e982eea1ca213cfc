"""Has a definition compiled by the child process, and reads its answer strictly (ISO-05)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sallyport_data_builder.confine import process
from sallyport_data_builder.confine.layers import Layers
from sallyport_data_builder.confine.requests import Request
from sallyport_data_builder.errors import (
    ArgumentsError,
    AssuranceError,
    DataFileError,
    DefinitionError,
    Failure,
)
from sallyport_data_builder.memory.population import load_plan
from sallyport_data_builder.model import shown
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.schemas import SchemaError

LOG = logging.getLogger("data_builder")
CODES = {int(cls.code): cls for cls in (DefinitionError, DataFileError, SchemaError)}


def compile_definition(
    file: Path,
    parameters: Sequence[str],
    request: Request = Request.ANY,
    isolate: str = "default",
) -> Plan:
    """Run a definition in a child process and return its plan.

    With `isolate` "always" nothing of the study runs unless all layers are there (ISO-06).
    """
    document = _run(file, parameters, request, isolate)
    if set(document) != {"plan"} or not isinstance(document["plan"], str):
        raise _wrong_form()
    return load_plan(document["plan"])


@dataclass(frozen=True)
class Debugged:
    """What a definition showed, its plan if it is complete, and the mistake that ended it."""

    shown: shown.Shown
    plan: Plan | None
    mistake: Failure | None


def debug(file: Path, parameters: Sequence[str], isolate: str = "default") -> Debugged:
    """Run a definition in a child process and return what it shows, even if it fails."""
    document = _run(file, parameters, Request.DEBUG, isolate)
    if not {"shown"} <= set(document) <= {"shown", "plan", "error", "code"}:
        raise _wrong_form()
    texts = [document["shown"], document.get("plan", "")]
    if not all(isinstance(text, str) for text in texts):
        raise _wrong_form()
    plan = load_plan(texts[1]) if "plan" in document else None
    mistake = _failure(document) if "error" in document else None
    return Debugged(shown.loads(texts[0]), plan, mistake)


def assure(file: Path, parameters: Sequence[str], isolate: str = "default") -> int:
    """Run an assurance test; raise AssuranceError with its failures, or return the patients."""
    document = _run(file, parameters, Request.ASSURANCE, isolate)
    if set(document) != {"patients", "failures"} or not isinstance(document["failures"], list):
        raise _wrong_form()
    if document["failures"]:
        raise AssuranceError("\n".join(["The assurance test failed:", *document["failures"]]))
    return int(document["patients"])


def _run(file: Path, parameters: Sequence[str], request: Request, isolate: str) -> dict[str, Any]:
    if not file.is_file():
        raise ArgumentsError(f"There is no definition file {file}.")
    words = [isolate, request, str(file), *parameters]
    child = process.run("sallyport_data_builder.confine.child", words, process.WALL_SECONDS)
    head, _line, answer = child.answer.partition(b"\n")
    if head:
        _check_layers(_layers(head), isolate)
    if child.late or len(child.answer) > process.MAX_ANSWER:
        raise DefinitionError(
            f"The definition was stopped: it took more than {process.WALL_SECONDS:.0f} seconds, or "
            "its answer was too large."
        )
    return _read(answer, child.code)


def _layers(head: bytes) -> Layers:
    document = _object(head)
    if set(document) != {"calls", "files"}:
        raise _wrong_form()
    return Layers(document["calls"] is True, int(document["files"]))


def _check_layers(active: Layers, isolate: str) -> None:
    missing = " and ".join(active.missing)
    if missing and isolate == "always":
        raise ArgumentsError(
            f"Study code does not run here: {missing} is missing, and it must be confined because "
            "a database URL is set or EHRQL_ISOLATE_USER_CODE is always. Use compile where there "
            "is not a URL, then execute."
        )
    if missing and isolate == "default":
        LOG.warning("study code runs without %s, which is missing here", missing)
    else:
        LOG.debug("study code is confined: seccomp, Landlock version %s", active.files)


def _read(answer: bytes, code: int) -> dict[str, Any]:
    if not answer:
        raise DefinitionError(
            f"The definition was stopped (code {code}): it used more time, memory or files than it "
            "may, or ended the process itself."
        )
    document = _object(answer)
    if set(document) == {"error", "code"}:
        raise _failure(document)
    return document


def _failure(document: dict[str, Any]) -> Failure:
    code = document.get("code")
    failure = CODES.get(code, DefinitionError) if isinstance(code, int) else DefinitionError
    return failure(str(document["error"]))


def _object(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong_form() from None
    if not isinstance(document, dict):
        raise _wrong_form()
    return document


def _wrong_form() -> Failure:
    return DefinitionError("The process that ran the definition gave an answer of the wrong form.")
