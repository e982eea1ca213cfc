"""Typed settings read from the environment: complete, or one error that names every problem."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sallyport_common.errors import SettingsError

T = TypeVar("T")
PLACEHOLDERS = ("change_me", "changeme", "replace_me", "placeholder", "<", "todo")
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Secret:
    """A value that shows itself only through `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_placeholder(value: str) -> bool:
    """Return whether a value is what an example inventory shows instead of a real one."""
    return value.strip().lower().startswith(PLACEHOLDERS)


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError("expected true or false")
    return BOOLEANS[text.lower()]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _text_mapping(text: str) -> dict[str, str]:
    value = json.loads(text or "{}")
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("expected a JSON object of strings")
    return value


def _secret(path_text: str) -> Secret:
    try:
        value = Path(path_text).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot read {path_text}: {error.strerror}") from None
    if not value or is_placeholder(value):
        raise ValueError(f"{path_text} is empty or still a placeholder")
    return Secret(value)


def _one_of(choices: Mapping[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return choices[text]

    return parse


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number") from None


PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: _integer,
    float: _number,
    bool: _boolean,
    Path: Path,
    Secret: _secret,
    tuple[str, ...]: _words,
    dict[str, str]: _text_mapping,
}


def _split_optional(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        inner = [part for part in get_args(hint) if part is not type(None)]
        return inner[0], True
    return hint, False


def _parser(hint: Any) -> Callable[[str], Any]:
    if get_origin(hint) is Literal:
        return _one_of({str(choice): choice for choice in get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _one_of({str(member.value): member for member in hint})
    if hint in PARSERS:
        return PARSERS[hint]
    return cast(Callable[[str], Any], hint.parse)  # a type that reads itself


def _variables(cls: type[Any], prefix: str) -> dict[str, tuple[str, Any, bool]]:
    """Map field name to (environment name, type, optional)."""
    hints = get_type_hints(cls)
    variables = {}
    for field in dataclasses.fields(cls):
        hint, optional = _split_optional(hints[field.name])
        suffix = "_FILE" if hint is Secret else ""
        variables[field.name] = (f"{prefix}{field.name.upper()}{suffix}", hint, optional)
    return variables


def environment_names(cls: type[Any], prefix: str) -> set[str]:
    """Return the names of all variables that `load` reads for a settings class."""
    return {name for name, _hint, _optional in _variables(cls, prefix).values()}


def load(cls: type[T], prefix: str, environment: Mapping[str, str]) -> T:
    """Build a frozen settings object; raise SettingsError naming every problem, never a value.

    A variable with the prefix that no field knows is a problem, so a misspelt name is noticed.
    """
    variables = _variables(cls, prefix)
    names = {name for name, _hint, _optional in variables.values()}
    problems = [
        f"{name} is not a setting"
        for name in sorted(environment)
        if name.startswith(prefix) and name not in names
    ]
    values: dict[str, Any] = {}
    for field, (name, hint, optional) in variables.items():
        text = environment.get(name)
        if optional and not text:
            values[field] = None
        elif text is None:
            problems.append(f"{name} is not set")
        else:
            try:
                values[field] = _parser(hint)(text)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise SettingsError(problems)
    return cls(**values)
