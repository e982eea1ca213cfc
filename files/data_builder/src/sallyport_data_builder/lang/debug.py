"""What studies call while they are written: `data-builder debug` shows what is named.

Everywhere else it does nothing.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import absent
from sallyport_data_builder.lang.datasets import Dataset, EventTable
from sallyport_data_builder.lang.dates import DateDifference, Duration
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.lang.series import BaseSeries
from sallyport_data_builder.model.nodes import Column, Series, common_domain
from sallyport_data_builder.model.shown import Call, Grid

__all__ = ["debug", "show", "stop"]
RECORDS: list[list[Call]] = []
FORM = "show takes series, frames, datasets and plain values"


@contextmanager
def recording() -> Iterator[list[Call]]:
    """Give a list that takes every call of `show` from now on."""
    RECORDS.append([])
    try:
        yield RECORDS[-1]
    finally:
        RECORDS.pop()


def show(
    *values: Any, label: str | None = None, head: int | None = None, tail: int | None = None
) -> None:
    """Show values under `data-builder debug`, all rows or the first and last ones.

    Series of the same rows share a table.
    """
    if RECORDS:
        RECORDS[-1].append(_call(sys._getframe(1), values, label, head, tail))


debug = show


def stop(**_options: object) -> None:
    """Do nothing here."""


def _call(frame: FrameType, values: tuple[Any, ...], label: Any, head: Any, tail: Any) -> Call:
    for name, value in (("head", head), ("tail", tail)):
        if value is not None and (type(value) is not int or value < 1):
            raise DefinitionError(f"{name} must be a positive whole number of rows, not {value!r}.")
    if not isinstance(label, str | None):
        raise DefinitionError(f"label must be text, {type(label).__name__} was given.")
    if not values:
        raise DefinitionError(f"{FORM}; nothing was given.")
    title = label or _source(frame)
    return Call(_file(frame), frame.f_lineno, title, tuple(_items(values)), head, tail)


def _file(frame: FrameType) -> str:
    """Return the file of the study, below the working folder if it lies there."""
    file, root = Path(frame.f_code.co_filename), Path.cwd()
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


def _source(frame: FrameType) -> str:
    """Return the call as it is written, on one line."""
    first, last, *_columns = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    numbers = range(first or frame.f_lineno, (last or frame.f_lineno) + 1)
    lines = (linecache.getline(frame.f_code.co_filename, number).strip() for number in numbers)
    return " ".join(lines)


def _items(values: tuple[Any, ...]) -> Iterator[Grid | str]:
    series = [value._node for value in values if isinstance(value, BaseSeries)]
    if len(series) == len(values) and _together(series):
        yield _of_series(series)
        return
    for value in values:
        yield _item(value)


def _together(series: list[Series]) -> bool:
    try:
        common_domain(series)
    except DefinitionError:
        return False
    return True


def _of_series(series: list[Series]) -> Grid:
    """Return a table of series; a column of a frame keeps its name."""
    columns: dict[str, Series] = {}
    for node in series:
        name = node.name if isinstance(node, Column) else "value"
        taken, number = name, 2
        while taken in columns:
            taken, number = f"{name}_{number}", number + 1
        columns[taken] = node
    return Grid(common_domain(series), tuple(columns.items()))


def _item(value: Any) -> Grid | str:
    if isinstance(value, BaseSeries):
        return _of_series([value._node])
    if isinstance(value, BaseFrame):
        return Grid(value._node)
    if isinstance(value, Dataset):
        root = value._root()
        return Grid(None, root.columns, root.population)
    if isinstance(value, EventTable):
        rows = value._rows()
        return Grid(rows.rows, rows.columns)
    ours = type(value).__module__.startswith(__package__ or "?")
    if ours and not isinstance(value, Duration | str):
        advice = f" {value.WANTED}" if isinstance(value, DateDifference) else ""
        raise DefinitionError(f"{FORM}; {type(value).__name__} was given.{advice}")
    return repr(value)


__path__: list[str] = []  # a module beneath this one is refused with a sentence, see absent


def __getattr__(name: str) -> Any:
    return absent.refuse_import(name, "debug", __all__)
