"""The names of series classes that studies test values against, such as BoolPatientSeries.

Here a series has one class whatever its rows; these classes tell by its node what it is.
"""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang.series import BaseSeries
from sallyport_data_builder.schemas import types

TYPES: dict[str, tuple[str, ...]] = {
    "Bool": ("bool",),
    "Str": ("str",),
    "Int": ("int",),
    "Float": ("float",),
    "Date": ("date",),
    "Code": tuple(types.CODES),
    "MultiCodeString": tuple(types.MULTI_CODES),
}
GROUPS: dict[str, tuple[str, ...]] = {
    **TYPES,
    "Numeric": types.NUMBERS,
    "Comparable": types.ORDERED,
}
AGGREGATED = ("Comparable", "Str", "Numeric", "Date")


class SeriesKind(type):
    """The type of classes that only answer isinstance."""

    _types: tuple[str, ...]
    _one_per_patient: bool | None

    def __instancecheck__(cls, value: object) -> bool:
        if not isinstance(value, BaseSeries) or value._node.type not in cls._types:
            return False
        one = value._node.domain is None
        return cls._one_per_patient is None or cls._one_per_patient is one

    def __call__(cls, *_arguments: Any, **_named: Any) -> Any:
        """Refuse: series come from tables."""
        raise DefinitionError(
            f"{cls.__name__} cannot be created; series come from the columns of tables. Use it "
            "with isinstance(...)."
        )


def _kind(name: str, kinds: tuple[str, ...], one_per_patient: bool | None) -> SeriesKind:
    rows = {True: "one value per patient", False: "many values per patient", None: "values"}
    described = f"A series with {rows[one_per_patient]}: {', '.join(map(types.title, kinds))}."
    body = {"_types": kinds, "_one_per_patient": one_per_patient, "__doc__": described}
    return SeriesKind(name, (), body)


def _kinds() -> dict[str, SeriesKind]:
    named = {"": types.ALL_TYPES, **TYPES}
    wanted: list[tuple[str, tuple[str, ...], bool | None]] = []
    wanted += [(f"{name}PatientSeries", each, True) for name, each in named.items()]
    wanted += [(f"{name}EventSeries", each, False) for name, each in named.items()]
    wanted += [(f"{name}Functions", each, None) for name, each in GROUPS.items()]
    wanted += [(f"{name}Aggregations", GROUPS[name], False) for name in AGGREGATED]
    return {name: _kind(name, each, one) for name, each, one in wanted}


KINDS = _kinds()
