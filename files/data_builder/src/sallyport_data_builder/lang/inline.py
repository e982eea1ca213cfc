"""Tables that a study brings itself: written out, or in a data file (FMT-10)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sallyport_data_builder.errors import DataFileError, DefinitionError
from sallyport_data_builder.io.targets import EXTENSIONS
from sallyport_data_builder.lang.constants import plain
from sallyport_data_builder.lang.frames import PatientFrame, Series, columns_of
from sallyport_data_builder.model.nodes import Inline
from sallyport_data_builder.schemas.types import CODES, parse_date

FORM = 'Say what columns there are: columns={"name": str, ...}, or decorate a PatientFrame class.'
Spec = tuple[tuple[str, str], ...]


def table_from_rows(rows: Any, *, columns: Mapping[str, Any] | None = None) -> Any:
    """Return a table of rows `(patient_id, value, ...)`, or a decorator of its class."""
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise DefinitionError("table_from_rows needs a list of rows, each a tuple of values.")

    def make(spec: Spec) -> Inline:
        return Inline(spec, tuple(sorted((_row(row, spec) for row in rows), key=_patient)))

    return _either(make, columns)


def table_from_file(path: str | Path, *, columns: Mapping[str, Any] | None = None) -> Any:
    """Return a table of a data file of the workspace, or a decorator of its class."""
    source = _source(path)
    with Path(source).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return _either(lambda spec: Inline(spec, (), source, digest), columns)


def _either(make: Callable[[Spec], Inline], columns: Mapping[str, Any] | None) -> Any:
    """Serve both forms of the call."""

    def decorate(cls: Any) -> PatientFrame:
        if not isinstance(cls, type) or not issubclass(cls, PatientFrame):
            raise DefinitionError(f"Such a table has one row per patient. {FORM}")
        frame: PatientFrame = cls(make(columns_of(cls)))
        return frame

    if columns is None:
        return decorate
    if not isinstance(columns, Mapping):
        raise DefinitionError(FORM)
    made = {
        name: item if isinstance(item, Series) else Series(item) for name, item in columns.items()
    }
    return decorate(type("Inline", (PatientFrame,), {**made, "__doc__": "A table of the study."}))


def _row(row: Any, spec: Spec) -> tuple[Any, ...]:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(spec) + 1:
        names = ", ".join(["patient_id", *(name for name, _kind in spec)])
        raise DefinitionError(f"A row must have the values {names}; {row!r} was given.")
    pairs = zip(row[1:], spec, strict=True)
    return (plain(row[0]), *(_value(value, kind) for value, (_name, kind) in pairs))


def _value(value: Any, kind: str) -> Any:
    """Return a value as its column has it: dates may be text, and ints may stand for floats."""
    if value is None:
        return None
    constant = plain(value)
    if kind == "date" and isinstance(constant, str):
        return parse_date(constant)
    if kind == "float" and type(constant) is int:
        return float(constant)
    return str(constant) if kind in CODES and isinstance(constant, str) else constant


def _patient(row: tuple[Any, ...]) -> int:
    if type(row[0]) is not int:
        raise DefinitionError(f"A row starts with a patient id, a whole number; not {row[0]!r}.")
    return row[0]


def _source(path: str | Path) -> str:
    """Return the path of a data file below the workspace."""
    text = str(path)
    if "\\" in text:
        raise DefinitionError(f"Use forward slashes in paths: {text!r}.")
    root = Path.cwd().resolve()
    if PurePosixPath(text).is_absolute() and Path(text).is_relative_to(root):
        text = str(Path(text).relative_to(root))
    source = str(PurePosixPath(text))
    file = root / source
    inside = ".." not in PurePosixPath(source).parts and file.resolve().is_relative_to(root)
    if PurePosixPath(source).is_absolute() or not inside:
        raise DefinitionError(f"A data file lies in the study's folder; {text!r} does not.")
    if not source.endswith(EXTENSIONS):
        raise DefinitionError(f"{text} has none of the extensions {', '.join(EXTENSIONS)}.")
    if not file.is_file():
        raise DataFileError(f"There is no data file {source}.")
    if file.resolve() != file:
        raise DataFileError(f"{source} is a link, which the runner does not follow; use the file.")
    return source
