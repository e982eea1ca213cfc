"""What can go wrong, each with the exit code that the runner turns into a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command ends with; the runner turns each into a sentence on the job's page."""

    OK = 0
    FAILED = 1
    ARGUMENTS = 2
    UNREACHABLE = 3
    NOT_AVAILABLE = 4
    REFUSED = 5
    TOO_COMPLEX = 6
    DEFINITION = 10
    DATA_FILE = 11
    PERMISSION = 12
    ASSURANCE = 13
    TOO_SLOW = 14
    INTERRUPTED = 130


class Failure(Exception):
    """A foreseen failure; its text is ours and holds no data value."""

    code: int = ExitCode.FAILED


class ArgumentsError(Failure):
    """Wrong arguments, an unknown extension, a missing definition, an unknown backend."""

    code = ExitCode.ARGUMENTS


class DefinitionError(Failure):
    """A mistake in the study's definition, or a plan that breaks a rule."""

    code = ExitCode.DEFINITION


class UnknownNameError(DefinitionError, AttributeError):
    """A name that an object has not."""


class UnknownModuleError(DefinitionError, ModuleNotFoundError):
    """A module that the language has not."""


class DataFileError(Failure):
    """A data file that a study supplied is missing or invalid."""

    code = ExitCode.DATA_FILE


class MissingPermissionError(Failure):
    """A table needs a permission that the job lacks."""

    code = ExitCode.PERMISSION


class AssuranceError(Failure):
    """A study's own assurance test failed."""

    code = ExitCode.ASSURANCE


class MappingError(Failure):
    """The backend's mapping file is invalid."""

    code = ExitCode.REFUSED


class TooSlowError(Failure):
    """Measures that would not be finished within the limit."""

    code = ExitCode.TOO_SLOW


class DatabaseFailure(Failure):
    """The database refused; the code says whether another try may help."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def refuse_private(name: str) -> None:
    """Raise for a name of ehrQL's own internals; an AttributeError for Python's own names."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name.startswith("_"):
        raise UnknownNameError(
            f"{name} is an internal part of ehrQL that this data builder does not have. Use the "
            "documented methods of series and tables."
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean …?` or the list of what there is, to end an error with."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    return f" There is: {', '.join(names)}." if names else ""
