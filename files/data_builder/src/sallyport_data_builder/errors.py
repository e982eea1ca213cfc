"""What can go wrong, each with the exit code that the runner turns into a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Failure(Exception):
    """A foreseen failure; its text is ours and holds no data value."""

    code = 1


class ArgumentsError(Failure):
    """Wrong arguments, an unknown extension, a missing definition, an unknown backend."""

    code = 2


class DefinitionError(Failure):
    """A mistake in the study's definition, or a plan that breaks a rule."""

    code = 10


class UnknownNameError(DefinitionError, AttributeError):
    """A name that an object has not."""


class UnknownModuleError(DefinitionError, ModuleNotFoundError):
    """A module that the language has not."""


class DataFileError(Failure):
    """A data file that a study supplied is missing or invalid."""

    code = 11


class MissingPermissionError(Failure):
    """A table needs a permission that the job lacks."""

    code = 12


class AssuranceError(Failure):
    """A study's own assurance test failed."""

    code = 13


class MappingError(Failure):
    """The backend's mapping file is invalid."""

    code = 5


class TooSlowError(Failure):
    """Measures that would not be finished within the limit."""

    code = 14


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
