"""Reads the JSON of a manifest into its dataclass, strictly, and names every fault.

The dataclass is the schema. Supported are `str`, `int`, `float`, `bool`, string enums, `X | None`,
`tuple[X, ...]`, `dict[str, X]`, `Literal` of one value, other dataclasses, and `Annotated` with a
`Form`. Every key must be there and no other; no value is converted.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import types
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from sallyport_common.errors import SallyportError
from sallyport_common.manifests.fields import Form

MAX_DEPTH = 20
"""Nesting that no manifest comes near; deeper JSON is refused before it is parsed."""
MAX_FAULTS = 20
"""Faults that are named; a manifest of another program has thousands."""
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}

Record = TypeVar("Record")


class ManifestError(SallyportError):
    """A manifest cannot be read; `problems` names every fault in a sentence."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


def read(kind: type[Record], raw: bytes, limit: int) -> Record:
    """Return the manifest in at most `limit` bytes of JSON; raise ManifestError."""
    return build(kind, read_object(raw, limit))


def build(kind: type[Record], content: dict[str, Any], noun: str = "manifest") -> Record:
    """Return parsed JSON as its dataclass; raise ManifestError, whose sentences use the noun."""
    reader = _Reader(noun)
    value = _check(cast(Any, kind))(reader, content, None)
    if reader.faults:
        more = len(reader.faults) - MAX_FAULTS
        also = [f"The {noun} has {more} more faults."] if more > 0 else []
        raise ManifestError(reader.faults[:MAX_FAULTS] + also)
    return cast(Record, value)


def write(manifest: Any) -> bytes:
    """Return a manifest as JSON; raise ManifestError where the reader would not accept it."""
    raw = (json.dumps(dataclasses.asdict(manifest), indent=2, sort_keys=True) + "\n").encode()
    read(type(manifest), raw, len(raw))
    return raw


def read_object(raw: bytes, limit: int, noun: str = "manifest") -> dict[str, Any]:
    """Return the JSON object in at most `limit` bytes; raise ManifestError."""
    if len(raw) > limit:
        raise ManifestError([f"The {noun} has more than {limit} bytes."])
    if _depth(raw) > MAX_DEPTH:
        raise ManifestError([f"The {noun} is nested more than {MAX_DEPTH} levels deep."])
    try:
        value = json.loads(raw, object_pairs_hook=_unique)
    except ValueError as error:
        raise ManifestError([f"The {noun} is not a JSON object: {_reason(error)}."]) from None
    if not isinstance(value, dict):
        raise ManifestError([f"The {noun} is not a JSON object."])
    return value


def _depth(raw: bytes) -> int:
    """Return the deepest nesting, brackets in strings included; only a bound is needed."""
    depth = deepest = 0
    for byte in raw.translate(None, delete=_NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: two readers could take different ones."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:100]


Where = tuple[Any, Any, bool] | None
"""A place in a manifest: what it is in, its key, and whether it is an item (else a field)."""


class _Reader:
    """Collects the faults of one manifest."""

    def __init__(self, noun: str) -> None:
        self._noun, self.faults = noun, list[str]()

    def expect(self, fits: object, words: str, where: Where) -> bool:
        """Note a fault unless the value at a place fits; return whether it does."""
        if not fits:
            self.faults.append(f"The {self._noun}'s {_path(where)} is not {words}.")
        return bool(fits)

    def keys(self, fields: Iterable[str], value: dict[str, Any], where: Where) -> None:
        """Note the fields that are missing, and the keys that belong to none."""
        path, known = _path(where), set(fields)
        self.faults += [
            f"The {self._noun} has no {_join(path, key)}." for key in fields if key not in value
        ]
        self.faults += [
            f"The {self._noun}'s {_join(path, key)} is not a known key."
            for key in sorted(value.keys() - known)
        ]


Check = Callable[[_Reader, Any, Where], Any]
"""Returns a value as its type; what it returns after a fault is never used."""


@functools.cache
def _check(kind: Any) -> Check:
    """Return the check of a type, which is made once: manifests have tens of thousands of rows."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _GENERIC:
        return _GENERIC[origin](arguments)
    if dataclasses.is_dataclass(kind):
        return _record(kind)
    return _choice(kind) if issubclass(kind, enum.Enum) else _plain(kind)


def _record(kind: Any) -> Check:
    hints = get_type_hints(kind, include_extras=True)
    checks = {key: _check(hint) for key, hint in hints.items()}
    fields = checks.keys()

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        if not reader.expect(isinstance(value, dict), "an object", where):
            return None
        if value.keys() != fields:
            reader.keys(checks, value, where)
        read = {
            key: check(reader, value[key], (where, key, False))
            for key, check in checks.items()
            if key in value
        }
        return kind(**read) if len(read) == len(fields) else None

    return check


def _choice(kind: type[enum.Enum]) -> Check:
    members = {member.value: member for member in kind}
    words = _one_of(list(members))

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        fits = isinstance(value, str) and value in members
        return members[value] if reader.expect(fits, words, where) else None

    return check


def _plain(kind: type) -> Check:
    words, number = _NAMES[kind], kind is float

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        fits = type(value) is kind
        if number:
            fits = type(value) in (int, float) and math.isfinite(value)
        return value if fits or reader.expect(False, words, where) else None

    return check


def _literal(arguments: tuple[Any, ...]) -> Check:
    (only,) = arguments

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        fits = type(value) is type(only) and value == only
        return value if reader.expect(fits, str(only), where) else None

    return check


def _optional(arguments: tuple[Any, ...]) -> Check:
    (inner,) = (_check(kind) for kind in arguments if kind is not types.NoneType)
    return lambda reader, value, where: None if value is None else inner(reader, value, where)


def _formed(arguments: tuple[Any, ...]) -> Check:
    inner, form = _check(arguments[0]), arguments[1]
    if not isinstance(form, Form):
        return inner

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        before = len(reader.faults)
        read = inner(reader, value, where)
        if len(reader.faults) == before:
            reader.expect(form.accepts(read), form.words, where)
        return read

    return check


def _list(arguments: tuple[Any, ...]) -> Check:
    inner = _check(arguments[0])

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        if not reader.expect(isinstance(value, list), "a list", where):
            return None
        items = enumerate(value, 1)
        return tuple(inner(reader, item, (where, number, True)) for number, item in items)

    return check


def _table(arguments: tuple[Any, ...]) -> Check:
    inner = _check(arguments[1])

    def check(reader: _Reader, value: Any, where: Where) -> Any:
        if not reader.expect(isinstance(value, dict), "an object", where):
            return None
        return {key: inner(reader, item, (where, key, True)) for key, item in value.items()}

    return check


_GENERIC: dict[Any, Callable[[tuple[Any, ...]], Check]] = {
    Annotated: _formed,
    Literal: _literal,
    types.UnionType: _optional,
    tuple: _list,
    dict: _table,
}


def _path(where: Where) -> str:
    """Return a place as people read it; only where there is a fault."""
    if where is None:
        return ""
    outer, key, is_item = where
    path = _path(outer)
    return f"{path}[{key!r}]" if is_item else _join(path, key)


def _join(path: str, key: str) -> str:
    plain = key if key.isidentifier() else repr(key)
    return f"{path}.{plain}" if path else plain


def _one_of(values: list[Any]) -> str:
    return f"one of {', '.join(map(str, values))}"
