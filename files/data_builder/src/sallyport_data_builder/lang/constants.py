"""What counts as a constant of a study, and what an error says of anything else."""

from __future__ import annotations

import datetime
import enum
from typing import Any, cast

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.schemas import types

COMMA = (
    " There is a comma too many at the end of a line: `x = value,` makes a tuple, `x = value` does "
    "not."
)
NONE = "None cannot be compared: use is_null() or is_not_null()."
DATETIME = " Use its date()."


def comma(value: object) -> str:
    """Return the advice for a value that a trailing comma made a tuple, else nothing."""
    return COMMA if isinstance(value, tuple) and len(value) == 1 else ""


def plain(value: Any) -> Any:
    """Return a constant of a subclass as its plain value: of an enum, a codelist, or numpy.

    Codes that know their system keep their class. numpy is not imported for this: its scalars have
    `item()`.
    """
    if isinstance(value, enum.Enum) and not isinstance(value, str | int | float):
        return value
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool) or isinstance(getattr(value, "system", None), str):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def typed(value: object) -> tuple[str, types.Value]:
    """Return a constant with the type that it has of itself; raise DefinitionError for others."""
    constant = plain(value)
    system = getattr(constant, "system", None)
    if isinstance(system, str):
        return system, str(constant)
    for name, python in types.SCALARS.items():
        if type(constant) is python:
            return name, cast(types.Value, constant)
    raise unsuitable(value, "series or a constant")


def beside(value: object, kind: str) -> tuple[str, types.Value]:
    """Return a constant with its type next to a series of a type."""
    constant = plain(value)
    if isinstance(constant, str) and not hasattr(constant, "system"):
        if kind == "date":
            return "date", types.parse_date(constant)
        if kind in types.CODES:
            types.check_code(kind, cast(str, value))
            return kind, constant
    if type(constant) is int and kind == "float":
        return "float", float(constant)
    if constant is not None and not _is_constant(constant):
        raise unsuitable(value, f"series or a constant of type {types.title(kind)}")
    return typed(value)


def _is_constant(value: object) -> bool:
    return isinstance(getattr(value, "system", None), str) or type(value) in types.SCALARS.values()


def unsuitable(value: object, expected: str) -> DefinitionError:
    """Return the error for a value of a wrong type; it names both types."""
    if value is None:
        return DefinitionError(NONE)
    advice = DATETIME if isinstance(value, datetime.datetime) else comma(value)
    if isinstance(value, enum.Enum) and not advice:
        advice = " Use its value."
    return DefinitionError(f"A {expected} was expected, not {type(value).__name__}.{advice}")
