"""The dataset that a definition fills."""

from __future__ import annotations

import sys
from typing import Any

from sallyport_data_builder.errors import DefinitionError, UnknownNameError, nearest
from sallyport_data_builder.lang.constants import comma
from sallyport_data_builder.lang.dates import DateDifference
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.lang.series import BaseSeries, BoolSeries, described, wrap
from sallyport_data_builder.memory.population import check_series
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Series, common_domain
from sallyport_data_builder.model.plan import (
    DUMMY_DEFAULT,
    DUMMY_MOST,
    TIMEOUT_DEFAULT,
    DummyData,
    Plan,
)
from sallyport_data_builder.model.roots import check_column_name, check_name, check_no_parameter

CLAIMED: set[str] = set()
AGGREGATIONS = (
    "count_distinct_for_patient, minimum_for_patient, maximum_for_patient, sum_for_patient, "
    "mean_for_patient"
)


def claim_permissions(*names: str) -> None:
    """Say which permissions the study expects to have; counts for dummy data only."""
    for name in names:
        if not isinstance(name, str):
            raise DefinitionError(
                f"claim_permissions takes names as text, {type(name).__name__} was given."
            )
    CLAIMED.update(names)


class Definition:
    """What a definition file makes: a dataset or measures, with what is said about dummy data."""

    _dummy: DummyData

    def configure_dummy_data(
        self,
        *,
        population_size: int = DUMMY_DEFAULT,
        legacy: bool = False,
        timeout: int = TIMEOUT_DEFAULT,
        additional_population_constraint: Any = None,
    ) -> None:
        """Say how many dummy patients are made, in how many seconds at most, and with what."""
        for name, value, least in (
            ("population_size", population_size, 0),
            ("timeout", timeout, 1),
        ):
            if type(value) is not int or value < least:
                raise DefinitionError(
                    f"{name} must be a whole number of at least {least}, not {value!r}."
                )
        if population_size > DUMMY_MOST:
            raise DefinitionError(f"population_size must be at most {DUMMY_MOST:,}.")
        if legacy:
            sys.stderr.write("warning: legacy=True is ignored; there is one way of dummy data\n")
        constraint = None
        if additional_population_constraint is not None:
            constraint = condition(
                additional_population_constraint, "additional_population_constraint"
            )
            check_no_parameter([constraint])
        self.__dict__["_dummy"] = DummyData(population_size, timeout, constraint)

    def _plan(self) -> Plan:
        return Plan(self._root(), tuple(sorted(CLAIMED)), self._dummy)

    def _root(self) -> op.Dataset | op.Measures:
        raise NotImplementedError


def condition(value: Any, what: str) -> Series:
    """Return the node of a true-or-false series with one value per patient."""
    if not isinstance(value, BoolSeries):
        raise DefinitionError(
            f"{what} must be a true-or-false series with one value per patient, for example "
            f"patients.exists_for_patient(); {described(value)} was given."
            f"{comma(value)}"
        )
    return one_per_patient(value, what)


class Dataset(Definition):
    """Who is in it, and a column per attribute that is assigned."""

    def __init__(self) -> None:
        self.__dict__.update(_population=None, _columns={}, _events={}, _dummy=DummyData())

    def __repr__(self) -> str:
        return f"<dataset with columns {', '.join(self._columns)}>"

    def define_population(self, population: Any) -> None:
        """Say which patients are in the dataset."""
        if self._population is not None:
            raise DefinitionError("define_population was called before; combine the conditions.")
        node = condition(population, "A population")
        check_no_parameter([node])
        check_series(node, "The population")
        self.__dict__["_population"] = node

    def add_column(self, name: str, value: Any) -> None:
        """Add a column by name."""
        check_column_name(name)
        self._check_new(name)
        self._columns[name] = one_per_patient(value, name)

    def add_event_table(self, name: str, **columns: Any) -> EventTable:
        """Add a table of rows beside the dataset; needs the permission event_level_data."""
        self._check_new(name)
        table = EventTable(name)
        for column, value in columns.items():
            table.add_column(column, value)
        self._events[name] = table
        return table

    def _check_new(self, name: str) -> None:
        if name in self._columns:
            raise DefinitionError(f"The column {name} was assigned before; choose another name.")
        if name in self._events:
            raise DefinitionError(f"{name} is an event table already; choose another name.")

    def __setattr__(self, name: str, value: Any) -> None:
        self.add_column(name, value)

    def __getattr__(self, name: str) -> Any:
        columns, events = (self.__dict__.get(key, {}) for key in ("_columns", "_events"))
        if name in columns:
            return wrap(columns[name])
        if name in events:
            return events[name]
        hint = nearest(name, [*columns, *events])
        raise UnknownNameError(f"The dataset has no column {name}.{hint}")

    def _root(self) -> op.Dataset:
        population = self.__dict__["_population"]
        if population is None:
            raise DefinitionError("The dataset has no population: call define_population(...).")
        events = tuple((name, table._rows()) for name, table in self._events.items())
        return op.Dataset(population, tuple(self._columns.items()), events)


class EventTable:
    """A table of rows: a column per attribute that is assigned, all of the same rows."""

    def __repr__(self) -> str:
        return f"<event table {self._name} with columns {', '.join(self._columns)}>"

    def __init__(self, name: str) -> None:
        self.__dict__.update(_name=check_name(name, "An event table"), _columns={})

    def add_column(self, name: str, value: Any) -> None:
        """Add a column by name."""
        check_column_name(name)
        place = f"{self._name}.{name}"
        if name in self._columns:
            raise DefinitionError(f"The column {place} was assigned before; choose another name.")
        if not isinstance(value, BaseSeries):
            raise DefinitionError(
                f"{place} must be a series, {described(value)} was given.{comma(value)}"
            )
        common_domain([*self._columns.values(), value._node])
        self._columns[name] = value._node

    def __setattr__(self, name: str, value: Any) -> None:
        self.add_column(name, value)

    def __getattr__(self, name: str) -> Any:
        columns = self.__dict__.get("_columns", {})
        if name in columns:
            return wrap(columns[name])
        raise UnknownNameError(f"The event table has no column {name}.{nearest(name, columns)}")

    def _rows(self) -> op.Rows:
        return op.Rows(tuple(self._columns.items()))


def one_per_patient(value: Any, name: str) -> Series:
    """Return the node of a series with one value per patient."""
    if isinstance(value, BaseFrame):
        columns = ", ".join(value._node.columns)
        raise DefinitionError(f"{name} is a whole frame; choose one of its columns: {columns}.")
    if not isinstance(value, BaseSeries):
        advice = f" {value.WANTED}" if isinstance(value, DateDifference) else comma(value)
        raise DefinitionError(
            f"{name} must be a series with one value per patient; {described(value)} was given."
            f"{advice}"
        )
    if value._node.domain is not None:
        raise DefinitionError(
            f"{name} has many values per patient. Reduce it to one, by {AGGREGATIONS}, or by "
            "sort_by(...).first_for_patient() of the frame."
        )
    return value._node


def create_dataset() -> Dataset:
    """Return an empty dataset."""
    return Dataset()


def plan_of(definition: Definition) -> Plan:
    """Return what a finished dataset, or finished measures, ask for."""
    return definition._plan()
