"""The child process: runs a definition file and writes the plan, or the error, to a pipe.

Usage: `python -m sallyport_data_builder.confine.child DESCRIPTOR ISOLATE REQUEST FILE [WORD ...]`.
The first line of the answer says which layers are there, before any study code runs; the second is
the plan or what is wrong, or, for the request `debug`, as much of both as there is
and what was shown.
"""

from __future__ import annotations

import dataclasses
import json
import linecache
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from sallyport_data_builder.confine import layers
from sallyport_data_builder.confine.requests import Request
from sallyport_data_builder.errors import DefinitionError, Failure
from sallyport_data_builder.model.plan import Plan, dumps
from sallyport_data_builder.schemas import site_folder

CONFINED = (
    "\nA definition reads files of the study and computes; it writes no file, starts no program or "
    "thread, and has no network."
)


COMMA = " There is a comma too many at the end of a line, if this tuple was not intended."


def study_place(error: BaseException, root: Path) -> str:
    """Return the lines of the study, and of nothing else, that led to an error."""
    if isinstance(error, SyntaxError):
        return f"  {error.filename}, line {error.lineno}: {(error.text or '').strip()}\n"
    ours = Path(__file__).parent.parent
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(root) and not path.is_relative_to(ours):
            text = linecache.getline(frame.filename, frame.lineno or 0).strip()
            lines.append(f"  {path.relative_to(root)}, line {frame.lineno}: {text}\n")
    return "".join(lines[-5:])


def compile_file(file: Path, request: Request, parameters: list[str]) -> dict[str, Any]:
    """Run a definition and return the JSON of its plan, or the failures of an assurance test.

    Raises Stopped, with the study's lines.
    """
    root = Path.cwd()
    sys.path[:0] = [str(file.resolve().parent), str(root)]
    sys.argv = [str(file), *parameters]
    try:
        found = runpy.run_path(str(file.resolve()), run_name="__dataset__")
        if request is Request.ASSURANCE:
            return _assure(found, file)
        if request is Request.DEBUG:
            return _finished(found, file)
        return {"plan": dumps(_plan(found, file, request))}
    except Failure as error:
        told, code = f"{study_place(error, root)}{error}", error.code
    except (Exception, SystemExit) as error:
        hint = CONFINED if isinstance(error, PermissionError) else ""
        if isinstance(error, TypeError | AttributeError) and "'tuple'" in str(error):
            hint = f".{COMMA}"
        from sallyport_data_builder.lang import calls

        said = calls.told(error) or f"{type(error).__name__}: {error}{hint}"
        told = f"{study_place(error, root)}{said}"
        code = DefinitionError.code
    raise Stopped(told, code)


class Stopped(Exception):
    """What the parent is told instead of a plan."""

    def __init__(self, told: str, code: int) -> None:
        super().__init__(told)
        self.code = code


def _plan(found: dict[str, Any], file: Path, request: Request) -> Plan:
    from sallyport_data_builder.lang.datasets import Dataset, plan_of
    from sallyport_data_builder.lang.measures import Measures

    classes: dict[str, type[Dataset | Measures]] = {"dataset": Dataset, "measures": Measures}
    names = [name for name in request.variables if found.get(name) is not None]
    if not names:
        raise DefinitionError(f"{file} has no variable named {' or '.join(request.variables)}.")
    definition = found[names[0]]
    if not isinstance(definition, classes[names[0]]):
        raise DefinitionError(f"The variable {names[0]} must come from create_{names[0]}().")
    return plan_of(definition)


def _finished(found: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the plan if there is one: a study may be debugged before it is complete."""
    try:
        return {"plan": dumps(_plan(found, file, Request.DEBUG))}
    except DefinitionError:
        return {}


def _assure(found: dict[str, Any], file: Path) -> dict[str, Any]:
    from sallyport_data_builder.assurance import failures

    if "test_data" not in found:
        raise DefinitionError(f"{file} has no variable named test_data.")
    wrong = list(failures(_plan(found, file, Request.ASSURANCE).dataset, found["test_data"]))
    return {"patients": len(found["test_data"]), "failures": wrong}


def answer(file: Path, request: Request, parameters: list[str]) -> dict[str, Any]:
    """Return what the parent is told."""
    try:
        return compile_file(file, request, parameters)
    except Stopped as stopped:
        return {"error": str(stopped), "code": stopped.code}


def debug(file: Path, parameters: list[str]) -> dict[str, Any]:
    """Return what the parent is told, and what the study showed until its end or its mistake."""
    from sallyport_data_builder.lang.datasets import CLAIMED
    from sallyport_data_builder.lang.debug import recording
    from sallyport_data_builder.model import shown

    with recording() as calls:
        told = answer(file, Request.DEBUG, parameters)
    return {**told, "shown": shown.dumps(shown.Shown(tuple(calls), tuple(CLAIMED)))}


def main() -> int:
    """Answer on the descriptor; exit 0 even for the study's mistakes, which are an answer."""
    descriptor, isolate, word, name, *parameters = sys.argv[1:]
    file, request = Path(name), Request(word)
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as stream:
        active = confine(isolate, file)
        stream.write(json.dumps(dataclasses.asdict(active)) + "\n")
        stream.flush()
        if isolate == "always" and active.missing:
            return 0
        told = (
            debug(file, parameters)
            if request is Request.DEBUG
            else answer(file, request, parameters)
        )
        json.dump(told, stream)
    return 0


def confine(isolate: str, file: Path) -> layers.Layers:
    """Put on what there is; with `never` only the limits, for developers."""
    if isolate == "never":
        layers.limit(layers.STUDY_LIMITS)
        return layers.Layers(False, 0)
    return layers.confine_study([Path.cwd(), file.resolve().parent, site_folder()])


if __name__ == "__main__":
    sys.exit(main())
