"""JSON bodies: one description of their fields serves for reading them and for the OpenAPI page."""

from __future__ import annotations

from collections.abc import Mapping
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
    if not fits or (field.kind is str and "\0" in value):
        raise Problem(f"The field '{name}' has the wrong type: {field.description}.")
    return value


def json_body() -> Any:
    """Return the JSON of this request whatever its content type; raise Problem for malformed."""
    body = request.get_json(force=True, silent=True)
    if body is None:
        raise Problem("The body is not valid JSON.")
    return body
