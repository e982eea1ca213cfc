"""The dataset that a definition fills."""

from __future__ import annotations

import warnings
from typing import Any

from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.lang.series import BaseSeries, BoolSeries
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.model.plan import DUMMY_DEFAULT, Plan, check_column_name

CLAIMED: set[str] = set()
AGGREGATIONS = (
    "count_distinct_for_patient, minimum_for_patient, maximum_for_patient, sum_for_patient, "
    "mean_for_patient"
)


def claim_permissions(*names: str) -> None:
    """Say which permissions the study expects to have; counts for dummy data only."""
    CLAIMED.update(names)


class Dataset:
    """Who is in it, and a column per attribute that is assigned."""

    def __init__(self) -> None:
        self.__dict__.update(_population=None, _columns={}, _population_size=DUMMY_DEFAULT)

    def define_population(self, population: Any) -> None:
        """Say which patients are in the dataset."""
        if self._population is not None:
            raise DefinitionError("define_population was called before; combine the conditions.")
        if not isinstance(population, BoolSeries):
            raise DefinitionError(
                "A population is a true-or-false series with one value per patient, for example "
                "patients.exists_for_patient()."
            )
        node = _one_per_patient(population, "population")
        if Engine({}, op.Dataset(node, ())).includes(0):
            raise DefinitionError(
                "The population is true for patients who are in no table; add a condition such as "
                "& patients.exists_for_patient()."
            )
        self.__dict__["_population"] = node

    def add_column(self, name: str, value: Any) -> None:
        """Add a column by name."""
        check_column_name(name)
        if name in self._columns:
            raise DefinitionError(f"The column {name} was assigned before; choose another name.")
        self._columns[name] = _one_per_patient(value, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.add_column(name, value)

    def __getattr__(self, name: str) -> Any:
        from sallyport_data_builder.lang.series import wrap

        if name in self.__dict__.get("_columns", {}):
            return wrap(self._columns[name])
        known = self.__dict__.get("_columns", {})
        raise AttributeError(f"The dataset has no column {name}.{nearest(name, known)}")

    def configure_dummy_data(
        self,
        *,
        population_size: int = DUMMY_DEFAULT,
        legacy: bool = False,
        timeout: int = 60,
        additional_population_constraint: Any = None,
    ) -> None:
        """Say how many dummy patients are made."""
        del timeout, additional_population_constraint
        if type(population_size) is not int or population_size < 1:
            raise DefinitionError("population_size must be a positive whole number.")
        if legacy:
            warnings.warn("legacy dummy data is ignored", stacklevel=2)
        self.__dict__["_population_size"] = population_size


def _one_per_patient(value: Any, name: str) -> Series:
    if isinstance(value, BaseFrame):
        columns = ", ".join(value._node.columns)
        raise DefinitionError(f"{name} is a whole frame; choose one of its columns: {columns}.")
    if not isinstance(value, BaseSeries):
        raise DefinitionError(f"{name} must be a series, {type(value).__name__} was given.")
    if value._node.domain is not None:
        raise DefinitionError(
            f"{name} has many values per patient. Reduce it to one, by {AGGREGATIONS}, or by "
            "sort_by(...).first_for_patient() of the frame."
        )
    return value._node


def create_dataset() -> Dataset:
    """Return an empty dataset."""
    return Dataset()


def plan_of(dataset: Dataset) -> Plan:
    """Return what a finished dataset asks for."""
    population = dataset.__dict__["_population"]
    if population is None:
        raise DefinitionError("The dataset has no population: call define_population(...).")
    columns = tuple(dataset.__dict__["_columns"].items())
    size = dataset.__dict__["_population_size"]
    return Plan(op.Dataset(population, columns), tuple(sorted(CLAIMED)), size)
