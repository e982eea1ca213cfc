"""What `show(...)` shows of tables: rows of values, patient by patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.memory.engine import Engine, Row
from sallyport_data_builder.memory.values import sort_key
from sallyport_data_builder.model.nodes import Frame, sort_keys
from sallyport_data_builder.model.shown import Grid

NUMBER = "<number>"  # the key of a row's place in its table


@dataclass(frozen=True)
class Answer:
    """The names of columns, and rows of values."""

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def answer(engine: Engine, grid: Grid, patients: Sequence[int]) -> Answer:
    """Return the rows of a grid, of these patients in order.

    Many rows per patient are numbered by their place in the table, and are in that order unless
    the frame is sorted.
    """
    many = grid.rows is not None and grid.rows.domain is not None
    keys = ("patient_id", "row_id") if many else ("patient_id",)
    names = (*keys, *(name for name, _series in grid.columns))
    try:
        return Answer(names, tuple(_rows(engine, grid, patients)))
    except (ArithmeticError, ValueError):
        raise DefinitionError("It computes with numbers or dates that are too large.") from None


def _rows(engine: Engine, grid: Grid, patients: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for patient in patients:
        if grid.rows is not None and grid.rows.domain is not None:
            for row in _sorted(engine, grid.rows, patient):
                yield (patient, row[NUMBER], *_values(engine, grid, patient, row))
        elif _is_there(engine, grid, patient):
            yield (patient, *_values(engine, grid, patient, None))


def _is_there(engine: Engine, grid: Grid, patient: int) -> bool:
    """Return whether a patient has a row, of one at most."""
    if grid.rows is not None:
        return bool(engine.rows(grid.rows, patient))
    return grid.population is None or engine.value(grid.population, patient, None) is True


def _values(engine: Engine, grid: Grid, patient: int, row: Row | None) -> Iterator[Any]:
    for _name, series in grid.columns:
        yield engine.value(series, patient, row if series.domain is not None else None)


def _sorted(engine: Engine, frame: Frame, patient: int) -> Sequence[Row]:
    keys = sort_keys(frame)

    def rank(row: Row) -> list[Any]:
        return [sort_key(engine.value(key, patient, row)) for key in keys]

    return sorted(engine.rows(frame, patient), key=rank)
