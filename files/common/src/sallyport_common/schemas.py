"""Values from outside as msgspec types: read whole, or refused with every fault at once.

msgspec decides whether a value is valid and stops at its first fault; only then is the value
compared with its type field by field, so that a person can correct everything in one round.
Decision: docs/adr/0015-msgspec-describes-the-api.md.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import msgspec

from sallyport_common.errors import SallyportError

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
MOST_FAULTS = 10_000
"""Faults that are named: refusing a body of many megabytes must not take minutes."""
REFERENCE = "#/components/schemas/{name}"
Path = tuple[str | int, ...]
PLAIN = {
    str: "a string", int: "a whole number", bool: "true or false",
    list: "a list", tuple: "a list", dict: "an object",
}  # fmt: skip
"""What fields accept whose type has no description of its own."""


class Text(str):
    """A string that is checked or brought into one form; `accepted` says in words what is read.

    `shape` is the format of JSON Schema that its strings have, where there is one.
    """

    __slots__ = ()
    accepted: ClassVar[str]
    shape: ClassVar[str] = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the string in the form that is kept; raise ValueError for any other string."""
        raise NotImplementedError


def form(pattern: re.Pattern[str], accepted: str) -> msgspec.Meta:
    """Return the constraint that a pattern matches a whole string, and what it accepts in words."""
    return msgspec.Meta(pattern=rf"\A(?:{pattern.pattern})\Z", description=accepted)


class FaultKind(enum.Enum):
    """What is wrong with a field, or with a value as a whole."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    INVALID = "invalid"
    RULE = "rule"


@dataclass(frozen=True)
class Fault:
    """One fault and the path to it.

    `text` is what the field accepts; for an unknown field the names that exist; for a broken rule
    between fields the rule's own sentence.
    """

    path: Path
    kind: FaultKind
    text: str

    @property
    def where(self) -> str:
        """The path as people write it: `files[0].name`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".")


class FaultsError(SallyportError):
    """A value does not have the form of its type; `faults` names everything that is wrong."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.where}: {fault.text}" for fault in self.faults))


def read(kind: type[T], value: object) -> T:
    """Return a value that JSON or YAML gave as its type; raise FaultsError naming every fault."""
    try:
        return msgspec.convert(value, kind, dec_hook=_read_text)
    except msgspec.ValidationError:
        raise FaultsError(islice(_faults(kind, value, (), ""), MOST_FAULTS)) from None


def fill(kind: type[S], source: object, **more: object) -> S:
    """Return a struct whose fields are those of an object, and some more."""
    names = [field.name for field in msgspec.structs.fields(kind) if field.name not in more]
    return convert({name: getattr(source, name) for name in names} | more, kind)


def convert(source: object, kind: type[T]) -> T:
    """Return what our own objects say as a type; raise msgspec.ValidationError, a fault of ours."""
    return msgspec.convert(source, kind, from_attributes=True, dec_hook=_read_text)


def encode(value: object) -> bytes:
    """Return a value as JSON."""
    return msgspec.json.encode(value, enc_hook=str)


def components(kinds: Iterable[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Return the JSON schema of each type, and the components to which these refer."""
    different = list(dict.fromkeys(kinds))
    schemas, named = msgspec.json.schema_components(
        different, schema_hook=_text_schema, ref_template=REFERENCE
    )
    return dict(zip(different, schemas, strict=True)), _for_json(named)


def _for_json(schema: Any) -> Any:
    """Return a schema whose patterns have the anchors that JSON Schema knows."""
    if isinstance(schema, dict):
        return {key: _for_json(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_for_json(value) for value in schema]
    if isinstance(schema, str) and schema.startswith(r"\A") and schema.endswith(r"\Z"):
        return f"^{schema[2:-2]}$"
    return schema


def _read_text(kind: type[Any], value: object) -> Any:
    if not issubclass(kind, Text):
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise ValueError(kind.accepted)
    return kind.read(value)


def _text_schema(kind: type[Any]) -> dict[str, Any]:
    if not issubclass(kind, Text):
        raise NotImplementedError(kind)
    shape = {"format": kind.shape} if kind.shape else {}
    return {"type": "string", "description": kind.accepted} | shape


def _faults(kind: Any, value: object, path: Path, accepted: str) -> Iterator[Fault]:
    """Yield the faults inside a value; where there are none inside, that of the value itself."""
    core, description = _core(kind)
    accepted = description or accepted
    inner = _inner_faults(core, value, path, accepted)
    if first := next(inner, None):
        yield first
        yield from inner
        return
    try:
        msgspec.convert(value, kind, dec_hook=_read_text)
    except msgspec.ValidationError as error:
        if _is_struct(core) and isinstance(value, dict):
            yield Fault(path, FaultKind.RULE, str(error))
        else:
            yield Fault(path, FaultKind.INVALID, _words(kind, core, accepted, str(error)))


def _inner_faults(kind: Any, value: object, path: Path, accepted: str) -> Iterator[Fault]:
    if _is_struct(kind) and isinstance(value, dict):
        yield from _field_faults(kind, value, path)
    elif get_origin(kind) in (list, tuple) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(get_args(kind)[0], item, (*path, index), accepted)
    elif get_origin(kind) in (dict, Mapping) and isinstance(value, dict):
        keys, values = get_args(kind)
        for key, item in value.items():
            yield from _faults(keys, key, (*path, str(key)), "")
            yield from _faults(values, item, (*path, str(key)), accepted)


def _field_faults(
    kind: type[msgspec.Struct], value: Mapping[Any, object], path: Path
) -> Iterator[Fault]:
    fields = _fields(kind)
    if kind.__struct_config__.forbid_unknown_fields:
        names = ", ".join(fields)
        for name in value:
            if name not in fields:
                yield Fault((*path, str(name)), FaultKind.UNKNOWN, names)
    for name, field in fields.items():
        if name in value:
            yield from _faults(field.type, value[name], (*path, name), "")
        elif field.required:
            words = _words(field.type, *_core(field.type))
            yield Fault((*path, name), FaultKind.MISSING, words)


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _words(kind: Any, core: Any, accepted: str, message: str = "") -> str:
    """Return what a field accepts, in words."""
    if _is_struct(core):
        words = "an object"
    elif isinstance(core, type) and issubclass(core, Text):
        words = core.accepted
    else:
        words = accepted or PLAIN.get(get_origin(core) or core, message)
    return words + ", or null" if NoneType in get_args(kind) else words


@cache
def _core(kind: Any) -> tuple[Any, str]:
    """Return a type without its constraints and without null, and its description."""
    description = ""
    while True:
        if get_origin(kind) is Annotated:
            kind, *notes = get_args(kind)
            described = (note.description for note in notes if isinstance(note, msgspec.Meta))
            description = next(filter(None, described), description)
            continue
        parts = [part for part in get_args(kind) if part is not NoneType]
        if get_origin(kind) not in (Union, UnionType) or len(parts) != 1:
            return kind, description
        kind = parts[0]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
