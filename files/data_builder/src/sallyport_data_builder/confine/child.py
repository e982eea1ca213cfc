"""The child process: runs a definition file and writes the plan, or the error, to a pipe.

Usage: `python -m sallyport_data_builder.confine.child DESCRIPTOR FILE [PARAMETER ...]`.
"""

from __future__ import annotations

import json
import linecache
import os
import resource
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DefinitionError, Failure
from sallyport_data_builder.model.plan import MAX_BYTES, Plan, dumps

LIMITS = {
    resource.RLIMIT_CPU: 300,
    resource.RLIMIT_AS: 4 * 1024**3,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_FSIZE: MAX_BYTES,
}


def limit() -> None:
    """Set the limits of ISO-02; they cannot be raised again."""
    for name, wanted in LIMITS.items():
        hard = resource.getrlimit(name)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(name, (value, value))


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


def compile_file(file: Path, parameters: list[str]) -> str:
    """Run a definition and return the JSON of its plan; raise DefinitionError with the place."""
    root = Path.cwd()
    sys.path[:0] = [str(file.resolve().parent), str(root)]
    sys.argv = [str(file), *parameters]
    try:
        found = runpy.run_path(str(file.resolve()), run_name="__dataset__")
        return dumps(_plan(found, file))
    except (Exception, SystemExit) as error:
        told = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
        raise DefinitionError(f"{study_place(error, root)}{told}") from None


def _plan(found: dict[str, Any], file: Path) -> Plan:
    from sallyport_data_builder.lang.datasets import Dataset, plan_of
    from sallyport_data_builder.lang.measures import Measures

    definition = found.get("dataset", found.get("measures"))
    if definition is None:
        raise DefinitionError(f"{file} has no variable named dataset or measures.")
    if not isinstance(definition, Dataset | Measures):
        raise DefinitionError(
            "The variable dataset must come from create_dataset(), measures from create_measures()."
        )
    return plan_of(definition)


def main() -> int:
    """Answer on the descriptor; exit 0 even for the study's mistakes, which are an answer."""
    descriptor, file, *parameters = sys.argv[1:]
    limit()
    try:
        answer = {"plan": compile_file(Path(file), parameters)}
    except DefinitionError as error:
        answer = {"error": str(error)}
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as stream:
        json.dump(answer, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
