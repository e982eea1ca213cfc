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
    value = reader.read(kind, content, "")
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


class _Reader:
    """Builds values by their types and collects the faults; `path` names a value for people."""

    def __init__(self, noun: str) -> None:
        self._noun, self.faults = noun, list[str]()

    def read(self, kind: Any, value: Any, path: str) -> Any:
        """Return `value` as `kind`; what it returns after a fault is never used."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in _GENERIC:
            return _GENERIC[origin](self, arguments, value, path)
        if dataclasses.is_dataclass(kind):
            return self._record(kind, value, path)
        if issubclass(kind, enum.Enum):
            return self._choice(kind, value, path)
        return self._plain(kind, value, path)

    def _expect(self, fits: object, words: str, path: str) -> bool:
        if not fits:
            self.faults.append(f"The {self._noun}'s {path} is not {words}.")
        return bool(fits)

    def _record(self, kind: Any, value: Any, path: str) -> Any:
        if not self._expect(isinstance(value, dict), "an object", path):
            return None
        hints = _hints(kind)
        self.faults += [
            f"The {self._noun} has no {_join(path, key)}." for key in hints if key not in value
        ]
        unknown = sorted(value.keys() - hints)
        self.faults += [
            f"The {self._noun}'s {_join(path, key)} is not a known key." for key in unknown
        ]
        present = [key for key in hints if key in value]
        read = {key: self.read(hints[key], value[key], _join(path, key)) for key in present}
        return kind(**read) if len(read) == len(hints) else None

    def _choice(self, kind: type[enum.Enum], value: Any, path: str) -> Any:
        values = [member.value for member in kind]
        return kind(value) if self._expect(value in values, _one_of(values), path) else None

    def _plain(self, kind: type, value: Any, path: str) -> Any:
        number = kind is float and type(value) in (int, float) and math.isfinite(value)
        fits = number or (kind is not float and type(value) is kind)
        return value if self._expect(fits, _NAMES[kind], path) else None

    def _literal(self, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
        (only,) = arguments
        fits = type(value) is type(only) and value == only
        return value if self._expect(fits, str(only), path) else None

    def _optional(self, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
        (kind,) = (argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else self.read(kind, value, path)

    def _formed(self, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
        kind, form = arguments[0], arguments[1]
        before = len(self.faults)
        read = self.read(kind, value, path)
        if len(self.faults) == before and isinstance(form, Form):
            self._expect(form.accepts(read), form.words, path)
        return read

    def _list(self, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
        if not self._expect(isinstance(value, list), "a list", path):
            return None
        items = enumerate(value, 1)
        return tuple(self.read(arguments[0], item, f"{path}[{number}]") for number, item in items)

    def _table(self, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
        if not self._expect(isinstance(value, dict), "an object", path):
            return None
        return {
            key: self.read(arguments[1], item, f"{path}[{key!r}]") for key, item in value.items()
        }


_GENERIC: dict[Any, Callable[[_Reader, tuple[Any, ...], Any, str], Any]] = {
    Annotated: _Reader._formed,
    Literal: _Reader._literal,
    types.UnionType: _Reader._optional,
    tuple: _Reader._list,
    dict: _Reader._table,
}


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _join(path: str, key: str) -> str:
    plain = key if key.isidentifier() else repr(key)
    return f"{path}.{plain}" if path else plain


def _one_of(values: list[Any]) -> str:
    return f"one of {', '.join(map(str, values))}"
