"""The rules of types that operations share."""

from __future__ import annotations

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.schemas.types import CODES, NUMBERS, title


def same_types(parts: tuple[Series, ...], what: str) -> None:
    """Raise DefinitionError unless all have one type."""
    kinds = [part.type for part in parts]
    if len(set(kinds)) > 1:
        raise DefinitionError(f"{what} needs values of one type, {differing(kinds)}")


def differing(kinds: list[str]) -> str:
    """Return how an error calls different types, and what brings them together."""
    named = " and ".join(dict.fromkeys(title(kind) for kind in kinds))
    codes = [title(kind) for kind in dict.fromkeys(kinds) if kind in CODES]
    advice = ""
    if set(kinds) == set(NUMBERS):
        advice = " Convert one with as_float() or as_int()."
    elif len(codes) > 1:
        advice = " There is no conversion between coding systems: use codes of the column's own."
    elif codes:
        advice = f" Compare the column with a {codes[0]}, written as text, or with a codelist."
    else:
        advice = f" Use {title(kinds[0])} for all of them."
    return f"these are {named}.{advice}"


def only_types(parts: tuple[Series, ...], allowed: tuple[str, ...], what: str) -> None:
    """Raise DefinitionError unless each has one of some types."""
    for part in parts:
        if part.type not in allowed:
            works = f" It works on {' and '.join(map(title, allowed))}." if len(allowed) < 4 else ""
            raise DefinitionError(f"{what} does not work on {title(part.type)}.{works}")
