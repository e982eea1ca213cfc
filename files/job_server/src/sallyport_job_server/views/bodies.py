"""JSON bodies: one description of their fields serves for reading them and for the OpenAPI page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from sallyport_job_server.models import Problem


@dataclass(frozen=True)
class Field:
    """One field: its JSON type, and what it is when it is left out."""

    kind: type
    description: str
    required: bool = True
    default: Any = None

    def schema(self) -> dict[str, Any]:
        """Return the field's JSON schema."""
        name = {str: "string", bool: "boolean", list: "array"}[self.kind]
        found: dict[str, Any] = {"type": name, "description": self.description}
        if self.kind is list:
            found["items"] = {"type": "string"}
        return found


Fields = Mapping[str, Field]


def text(description: str) -> Field:
    """A text that must be there."""
    return Field(str, description)


def optional_text(description: str) -> Field:
    """A text that may be left out."""
    return Field(str, description, required=False, default="")


def flag(description: str) -> Field:
    """True or false; false when left out."""
    return Field(bool, description, required=False, default=False)


def texts(description: str, *, required: bool = True) -> Field:
    """A list of texts."""
    return Field(list, description, required=required, default=None if required else [])


def schema(fields: Fields) -> dict[str, Any]:
    """Return the JSON schema of a body."""
    return {
        "type": "object",
        "properties": {name: field.schema() for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def read(fields: Fields) -> dict[str, Any]:
    """Return the body of this request; raise Problem naming the first fault."""
    body = json_body() if request.get_data(cache=True) else {}
    if not isinstance(body, dict):
        raise Problem("The body must be a JSON object.")
    for name in body:
        if name not in fields:
            raise Problem(f"'{name}' is not a field here; the fields are {', '.join(fields)}.")
    return {name: _value(name, field, body) for name, field in fields.items()}


def _value(name: str, field: Field, body: Mapping[str, Any]) -> Any:
    value = body.get(name)
    if value is None:
        if field.required:
            raise Problem(f"The field '{name}' is missing: {field.description}.")
        return field.default
    fits = isinstance(value, field.kind)
    if field.kind is list:
        fits = fits and all(isinstance(item, str) for item in value)
    if not fits:
        raise Problem(f"The field '{name}' has the wrong type: {field.description}.")
    return value


def json_body() -> Any:
    """Return the JSON of this request whatever its type; raise Problem for invalid JSON."""
    try:
        body = json.loads(request.get_data(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Problem("The body is not valid JSON.") from None
    if body is None:
        raise Problem("The body is not valid JSON.")
    if any(not is_plain(text) for text in _texts_of(body)):
        raise Problem("The body holds a character that cannot be stored.")
    return body


def is_plain(text: str) -> bool:
    """Return whether a string can be stored: it holds neither NUL nor half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _texts_of(value: Any) -> Iterator[str]:
    """Give every text inside a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value:
            yield from _texts_of(item)
        if isinstance(value, dict):
            for item in value.values():
                yield from _texts_of(item)
