"""A project.yaml as its author wrote it: values with their places, and the report about them."""

from __future__ import annotations

from typing import Any

import yaml

from sallyport_common.strict_yaml import Document, Finding
from sallyport_study.errors import cut

_TAG = "tag:yaml.org,2002:"
_STRING, _NULL = f"{_TAG}str", f"{_TAG}null"
_KINDS = {
    f"{_TAG}int": "a number",
    f"{_TAG}float": "a number",
    f"{_TAG}bool": "true or false",
    f"{_TAG}timestamp": "a date",
    _NULL: "no value",
}


class Part:
    """One value of the file and where it is; what it holds is read when it is asked for."""

    __slots__ = ("_document", "node")

    def __init__(self, document: Document, node: yaml.Node) -> None:
        self._document, self.node = document, node

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, both from 1."""
        return self.node.start_mark.line + 1, self.node.start_mark.column + 1

    @property
    def written(self) -> str:
        """The value as it is written, without quotes; empty for lists and for named values."""
        return str(self.node.value) if isinstance(self.node, yaml.ScalarNode) else ""

    @property
    def shown(self) -> str:
        """The value as a sentence names it."""
        if isinstance(self.node, yaml.ScalarNode):
            return f"'{cut(self.written)}'"
        return "a list" if isinstance(self.node, yaml.SequenceNode) else "names with values"

    @property
    def read_as(self) -> str:
        """What a value without quotes is read as when it is not text."""
        return _KINDS.get(self.node.tag, "something else than text")

    @property
    def string(self) -> str | None:
        """The text, None if the value is anything else."""
        return self.node.value if self.node.tag == _STRING else None

    @property
    def empty(self) -> bool:
        """Return whether there is no value."""
        return bool(self.node.tag == _NULL)

    @property
    def items(self) -> list[Part] | None:
        """The values of a list, None if it is not one."""
        if self.node.tag != f"{_TAG}seq":
            return None
        return [Part(self._document, node) for node in self.node.value]

    @property
    def entries(self) -> list[tuple[Part, Part]] | None:
        """Names and values in the order of the file, None if the value is something else.

        A name that appears twice is there twice.
        """
        if not isinstance(self.node, yaml.MappingNode) or self.node.tag != f"{_TAG}map":
            return None
        document = self._document
        pairs = document.pairs(self.node)
        return [(Part(document, key), Part(document, value)) for key, value in pairs]

    def value(self) -> Any:
        """Return the value with all that is in it; raise YamlError for one without a meaning."""
        return self._document.value(self.node)


class Report:
    """Collects what is wrong and what is only unusual."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.warnings: list[Finding] = []

    def problem(self, part: Part, text: str) -> None:
        """Add a reason to refuse the file."""
        self.problems.append(Finding(*part.place, text))

    def warn(self, part: Part, text: str) -> None:
        """Add something that the author should look at."""
        self.warnings.append(Finding(*part.place, text))

    def whole(self, text: str) -> None:
        """Add a reason to refuse the file that has no place in it."""
        self.problems.append(Finding(1, 1, text))
