"""Whether a value already is what its variable declares: type, choices, nested options, format.

Ansible converts a value while it checks it against an argument specification, but a role's
templates get the value as it was written: of `site_allowed_organisations: my-org` the check sees
a list, and the template a string, whose letters it loops over. So nothing here converts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import listed
from ansible_collections.sallyport.site.plugins.plugin_utils.formats import FORMATS

Option = Mapping[str, Any]
Formats = Mapping[str, str]
LONGEST = 80
CREDENTIALS = re.compile(r"://[^/\s]*@")


def is_number(value: Any) -> bool:
    """Return whether a value is a number; true and false are not, though Python counts them in."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a string", lambda value: isinstance(value, str)),
    "path": ("a path", lambda value: isinstance(value, str)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", lambda value: is_number(value) and isinstance(value, int)),
    "float": ("a number", is_number),
    "list": ("a list", lambda value: isinstance(value, list)),
    "dict": ("a mapping", lambda value: isinstance(value, Mapping)),
    "scalar": (
        "a string, a number, true or false",
        lambda value: isinstance(value, (str, bool, int, float)),
    ),
    "raw": ("anything", lambda _: True),
}


def type_of(value: Any) -> str:
    """Return what a value is, in the words of `TYPES`."""
    if value is None:
        return "empty"
    names = ("bool", "int", "float", "str", "list", "dict")
    return next((TYPES[name][0] for name in names if TYPES[name][1](value)), type(value).__name__)


def described(option: Option, form: str = "") -> str:
    """Return what an option accepts: its choices, its format or its type."""
    if option.get("choices"):
        return f"one of {listed(str(choice) or 'nothing' for choice in option['choices'])}"
    if form:
        accepted = FORMATS[form.removesuffix("?")].accepted
        return f"{accepted}, or an empty string" if form.endswith("?") else accepted
    kind = TYPES[str(option.get("type", "str"))][0]
    elements = option.get("elements")
    return f"{kind}, each element {TYPES[elements][0]}" if elements else kind


class Judge:
    """Judges the values of one role's options, by its formats."""

    def __init__(self, formats: Formats) -> None:
        self._formats = formats

    def faults(self, name: str, option: Option, value: Any) -> list[str]:
        """Return a sentence for everything that is wrong with the value of an option."""
        return list(self._value(name, name, option, value, bool(option.get("no_log"))))

    def _value(
        self, path: str, key: str, option: Option, value: Any, secret: bool
    ) -> Iterator[str]:
        """Judge one value: `path` is what the operator reads, `key` how formats name it."""
        kind = str(option.get("type", "str"))
        if not TYPES[kind][1](value):
            yield self._mistyped(path, key, option, value, secret)
        elif option.get("choices") and value not in option["choices"]:
            yield f"{path} is {shown(value, secret)}; accepted is {described(option)}."
        elif kind == "list":
            yield from self._elements(path, key, option, value, secret)
        elif kind == "dict":
            yield from self._entries(path, key, option, value, secret)
        else:
            yield from self._leaf(path, key, option, value, secret)

    def _mistyped(self, path: str, key: str, option: Option, value: Any, secret: bool) -> str:
        what = type_of(value)
        told = what if secret or value is None else f"{shown(value)}, which is {what}"
        kind = TYPES[str(option.get("type", "str"))][0]
        form, element = self._formats.get(key, ""), self._formats.get(f"{key}[]", "")
        if element:
            return f"{path} is {told}; accepted is {kind}, each element {described({}, element)}."
        extra = f": {described(option, form)}" if form or option.get("choices") else ""
        return f"{path} is {told}; accepted is {kind}{extra}."

    def _leaf(self, path: str, key: str, option: Option, value: Any, secret: bool) -> Iterator[str]:
        form = self._formats.get(key, "")
        if not form or (form.endswith("?") and value == ""):
            return
        if not FORMATS[form.removesuffix("?")].accepts(value):
            yield f"{path} is {shown(value, secret)}; accepted is {described(option, form)}."

    def _elements(
        self, path: str, key: str, option: Option, value: list[Any], secret: bool
    ) -> Iterator[str]:
        element = {"type": option.get("elements", "raw"), "options": option.get("options")}
        for number, item in enumerate(value):
            yield from self._value(f"{path}[{number}]", f"{key}[]", element, item, secret)

    def _entries(
        self, path: str, key: str, option: Option, value: Mapping[Any, Any], secret: bool
    ) -> Iterator[str]:
        options: Mapping[str, Option] = option.get("options") or {}
        if not options:
            yield from self._free_entries(path, key, value, secret)
            return
        for name in value:
            if name not in options:
                yield f"{path} has the unknown key {name}; accepted are {listed(options)}."
        for name, part in options.items():
            if part.get("required") and value.get(name) == []:
                yield f"{path}.{name} is empty; list at least one."
            elif name in value:
                hidden = secret or bool(part.get("no_log"))
                yield from self._value(f"{path}.{name}", f"{key}.{name}", part, value[name], hidden)
            elif part.get("required"):
                accepted = described(part, self._formats.get(f"{key}.{name}", ""))
                yield f"{path}.{name} is missing; accepted is {accepted}."

    def _free_entries(
        self, path: str, key: str, value: Mapping[Any, Any], secret: bool
    ) -> Iterator[str]:
        """Judge a mapping whose keys an operator chooses, where formats say what they are."""
        for name, part in value.items():
            for end, item, label in (
                ("<key>", name, f"{path}, key"),
                ("<value>", part, f"{path}.{name}"),
            ):
                form = self._formats.get(f"{key}.{end}")
                if form:
                    option = {"type": FORMATS[form].type}
                    yield from self._value(
                        label, f"{key}.{end}", option, item, secret and item is part
                    )
                elif end == "<key>" and not isinstance(name, str):
                    yield f"{path} has the key {shown(name)}; accepted is a string."


def shown(value: Any, secret: bool = False) -> str:
    """Return a value for a sentence: never a secret, a private key, or the credentials of a URL."""
    if secret:
        return "not valid (its value is not shown)"
    if "PRIVATE KEY" in str(value):
        return "not valid (it holds a private key, which is not shown)"
    if value == "":
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    line = CREDENTIALS.sub("://…@", " ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
