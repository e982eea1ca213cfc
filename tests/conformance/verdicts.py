"""Prints what a published validator says of project files: run in its own environment.

Usage: verdicts.py cli|runner, with `{name: text}` as JSON on standard input; the answer is
`{name: "ok" | "rejected"}`. Whatever a validator raises is a rejection.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import warnings


def judge(peer: str, text: str) -> str:
    """Return the verdict of one validator."""
    if peer == "cli":
        validate = importlib.import_module("opensafely._vendor.pipeline").load_pipeline
        content: str | bytes = text
    else:
        module = importlib.import_module("jobrunner.project")
        validate, content = module.parse_and_validate_project_file, text.encode()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            validate(content)
    except Exception:
        return "rejected"
    return "ok"


def main() -> None:
    """Judge every file."""
    warnings.simplefilter("ignore")
    files = json.load(sys.stdin)
    json.dump({name: judge(sys.argv[1], text) for name, text in files.items()}, sys.stdout)


if __name__ == "__main__":
    main()
