"""case and when, the least and greatest of several series, parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder.errors import DefinitionError, UnknownNameError
from sallyport_data_builder.lang.constants import comma
from sallyport_data_builder.lang.series import (
    BaseSeries,
    BoolSeries,
    constant_node,
    described,
    to_node,
    wrap,
)
from sallyport_data_builder.lang.series import (
    cases as series_cases,
)
from sallyport_data_builder.model import operations as op

FORM = "Write case(when(condition).then(value), ..., otherwise=value)."


@dataclass(frozen=True)
class WhenThen:
    """A condition and the value that belongs to it."""

    condition: BoolSeries
    value: Any

    def otherwise(self, value: object) -> Any:
        """Return the series with one case and a default."""
        return case(self, otherwise=value)


@dataclass(frozen=True)
class When:
    """A condition that waits for its value."""

    condition: BoolSeries

    def then(self, value: object) -> WhenThen:
        """Give the value for the condition."""
        return WhenThen(self.condition, value)

    def __getattr__(self, name: str) -> Any:
        raise UnknownNameError(f"when(...) has only then(...), not {name}. {FORM}")


def when(condition: Any) -> When:
    """Start a case with a condition."""
    if not isinstance(condition, BoolSeries):
        raise DefinitionError(
            f"when needs a true-or-false series, not {described(condition)}."
            f"{comma(condition) or f' {FORM}'}"
        )
    return When(condition)


def case(*cases: Any, otherwise: object = None) -> Any:
    """Return the value of the first case whose condition is true, else `otherwise`."""
    for item in cases:
        if isinstance(item, When):
            raise DefinitionError(f"A when(...) has no then(...). {FORM}")
        if not isinstance(item, WhenThen):
            raise DefinitionError(f"case takes when(...).then(...) only. {FORM}")
    if not cases:
        raise DefinitionError(f"case needs at least one when(...).then(...). {FORM}")
    pairs = [(item.condition._node, item.value) for item in cases]
    return wrap(series_cases(pairs, otherwise, "case"))


def _deciding_type(values: list[Any]) -> str:
    """Return the type of the first series, else of the first constant."""
    series = [value for value in values if isinstance(value, BaseSeries)]
    return constant_node((series or values)[0]).type


def _extreme(operation: str, name: str) -> Callable[..., Any]:
    def make(value: object, other: object, *others: object) -> Any:
        parts = [value, other, *others]
        kind = _deciding_type(parts)
        return wrap(op.Extreme(operation, tuple(to_node(part, kind) for part in parts)))

    make.__name__ = make.__qualname__ = name
    return make


minimum_of, maximum_of = _extreme("least", "minimum_of"), _extreme("greatest", "maximum_of")


MISSING = object()


def get_parameter(name: str, type: Callable[[str], Any] = str, default: Any = MISSING) -> Any:
    """Return the value of `--name value` among the words after ` -- ` on the command line."""
    text = _parameter(name)
    if text is None:
        if default is MISSING:
            raise DefinitionError(f"The parameter {name} is missing: add -- --{name} VALUE.")
        return default
    try:
        return type(text)
    except ValueError:
        kind = getattr(type, "__name__", "value")
        raise DefinitionError(
            f"The parameter {name} must be of type {kind}, not {text!r}."
        ) from None


def _parameter(name: str) -> str | None:
    words = sys.argv[1:]
    for index, word in enumerate(words):
        if word == f"--{name}" and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return None
