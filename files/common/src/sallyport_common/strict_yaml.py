"""YAML from people: safe, no duplicate keys, no document that grows when it is read.

libyaml parses; its events are composed here, because only between two events can a document be
refused before its depth or its aliases cost anything, and because nodes know their places. Ansible
plugins read YAML with the loader of ansible-core instead: on the controller they cannot import our
packages.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from sallyport_common.errors import SallyportError

MAX_NODES = 250_000
"""Values of a document, once aliases are followed."""
MAX_DEPTH = 100
SECOND_DOCUMENT = "the file holds more than one document"
_Event: TypeAlias = Any
"""An event of libyaml; the attributes depend on its class, the stubs know none of the marks."""
_MERGE, _STRING = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


_UNKNOWN = "could not be read"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong in a document; line and column count from 1, 0 without a place."""

    line: int
    column: int
    text: str

    def __str__(self) -> str:
        """Return the sentence with its place."""
        return f"line {self.line}, column {self.column}: {self.text}" if self.line else self.text


class YamlError(SallyportError):
    """A document is refused; `findings` has one sentence for each reason."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        self.problems = tuple(map(str, findings))
        super().__init__("\n".join(self.problems))


class YamlSyntaxError(YamlError):
    """libyaml stopped at a place, and what comes after it is unknown.

    `reason` and `context` are libyaml's words, `begin` is where the context began; places are
    pairs of line and column.
    """

    def __init__(self, error: yaml.MarkedYAMLError) -> None:
        self.reason = str(error.problem or _UNKNOWN)
        self.context = str(error.context or "")
        self.place = _place(error.problem_mark)
        self.begin = _place(error.context_mark)
        super().__init__(Finding(*self.place, f"The file is not valid YAML: {self.reason}."))


class Document:
    """A composed document: its nodes, and what is wrong but did not keep it from being composed."""

    def __init__(self, loader: _Loader, root: yaml.Node | None) -> None:
        self._loader, self.root = loader, root
        self.findings = tuple(loader.findings)

    def value(self, node: yaml.Node) -> Any:
        """Return the value of a node; raise YamlError for one without a meaning."""
        with _translated(node):
            return self._loader.construct_object(node, deep=True)

    def pairs(self, node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return the keys and values of a mapping as written; what it merges comes first."""
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        if any(key.tag == _MERGE for key, _value in pairs):
            with _translated(node):
                self._loader.flatten_mapping(node)
            last = {(key.tag, str(key.value)): (key, value) for key, value in node.value}
            pairs = node.value = list(last.values())
        return pairs


def load(text: str) -> Any:
    """Return the document's value; raise YamlError with everything that is wrong."""
    with no_collector():
        document = compose(text)
        if document.findings:
            raise YamlError(*document.findings)
        return None if document.root is None else document.value(document.root)


def compose(text: str) -> Document:
    """Return the nodes of the only document; raise YamlSyntaxError, or YamlError for its size."""
    with no_collector(), _translated():
        loader = _Loader(text)
        return Document(loader, loader.compose_only())


@contextmanager
def no_collector() -> Iterator[None]:
    """Keep the garbage collector off while a document is read.

    A large one makes hundreds of thousands of objects and no garbage; the collector looks at all
    of them again and again, which is half of the time. No component keeps it off.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def _translated(node: yaml.Node | None = None) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        raise YamlSyntaxError(error) from None
    except (yaml.YAMLError, ValueError):
        mark = node.start_mark if node else None
        raise YamlSyntaxError(yaml.MarkedYAMLError(problem_mark=mark)) from None


def _place(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


class _Loader(yaml.CSafeLoader):
    """Composes nodes from libyaml's events, counting depth, nodes and keys on the way."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._anchors: dict[str, yaml.Node] = {}
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._count = self._depth = 0
        self._tags: dict[tuple[str, tuple[bool, bool]], str] = {}
        self.findings: list[Finding] = []

    def compose_only(self) -> yaml.Node | None:
        """Return the node of the only document, None for a stream without one."""
        try:
            self.get_event()  # the start of the stream
            if self.check_event(yaml.StreamEndEvent):
                return None
            return self._document()
        finally:
            self.dispose()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return a node's value; strings, most of a document, need no bookkeeping."""
        if node.tag == _STRING and isinstance(node, yaml.ScalarNode):
            return node.value
        return super().construct_object(node, deep)

    def _document(self) -> yaml.Node:
        self.get_event()
        node = self._node()
        self.get_event()
        if not self.check_event(yaml.StreamEndEvent):
            raise yaml.MarkedYAMLError(
                problem=SECOND_DOCUMENT,
                problem_mark=self._next().start_mark,
            )
        return node

    def _node(self) -> yaml.Node:
        event = self._next()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._add(1, event)
        node: yaml.Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
            if event.anchor:
                self._anchor(event, node)
        else:
            node = self._collection(event)
        if event.anchor:
            self._sizes[id(node)] = self._count - before
        return node

    def _next(self) -> _Event:
        return self.get_event()

    def _find(self, event: _Event, text: str) -> None:
        self.findings.append(Finding(*_place(event.start_mark), text))

    def _stop(self, event: _Event, text: str) -> YamlError:
        return YamlError(*self.findings, Finding(*_place(event.start_mark), text))

    def _add(self, nodes: int, event: _Event) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            text = f"The file is larger than {MAX_NODES} values once aliases are followed."
            raise self._stop(event, text)

    def _alias(self, event: _Event) -> yaml.Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            text = f"*{event.anchor}"
            missing = f"There is no '&{event.anchor}' above. " if self._anchors else ""
            self._find(event, f"{missing}A value that begins with '*' must be in quotes: '{text}'.")
            return yaml.ScalarNode(_STRING, text, event.start_mark, event.end_mark)
        if id(node) in self._open:
            raise self._stop(event, "The file holds an alias to something that contains it.")
        self._add(self._sizes[id(node)], event)
        return node

    def _anchor(self, event: _Event, node: yaml.Node) -> None:
        if event.anchor in self._anchors:
            self._find(event, f"The anchor '&{event.anchor}' is defined twice.")
        self._anchors[event.anchor] = node

    def _scalar(self, event: _Event) -> yaml.ScalarNode:
        value: str = event.value
        if "\0" in value:  # no command line and no database can hold it; only escapes write it
            self._find(event, "The value contains a NUL character; remove it.")
            value = value.replace("\0", "")
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolved(value, event.implicit)
        elif tag not in self.yaml_constructors:
            self._find(event, "A value that begins with '!' must be in quotes.")
            tag, value = _STRING, f"{tag} {value}".rstrip()
        if event.anchor and self._glued(event):
            self._find(event, "A value that begins with '&' must be in quotes.")
            tag, value = _STRING, f"&{event.anchor}{value}"
        return yaml.ScalarNode(tag, value, event.start_mark, event.end_mark, event.style)

    def _glued(self, event: _Event) -> bool:
        """Return whether a name after '&' is the beginning of the value: no space follows it."""
        begin, end = event.start_mark, event.end_mark
        length = 1 + len(event.anchor) + len(event.value)
        return bool(event.value and begin.line == end.line and end.column - begin.column == length)

    def _resolved(self, value: str, implicit: tuple[bool, bool]) -> str:
        # Names of actions and options recur, and the resolver tries a dozen expressions.
        tag = self._tags.get((value, implicit))
        if tag is None:
            tag = self._tags[value, implicit] = self._tag(yaml.ScalarNode, value, implicit)
        return tag

    def _tag(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        resolve: Callable[..., str] = self.resolve
        return resolve(kind, value, implicit)

    def _collection(self, event: _Event) -> yaml.CollectionNode:
        kind, fill, end = (
            (yaml.SequenceNode, self._items, yaml.SequenceEndEvent)
            if isinstance(event, yaml.SequenceStartEvent)
            else (yaml.MappingNode, self._pairs, yaml.MappingEndEvent)
        )
        tag = event.tag
        if tag not in self.yaml_constructors or tag is None:
            if tag not in {None, "!"}:
                self._find(event, f"The tag '{tag}' is not known here; remove it.")
            tag = self._tag(kind, None, (True, False))
        node = kind(tag, [], event.start_mark, event.end_mark, event.flow_style)
        if event.anchor:
            self._anchor(event, node)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._stop(event, "The file is nested too deeply.")
        self._open.add(id(node))
        while not self.check_event(end):
            fill(node)
        self.get_event()
        self._open.discard(id(node))
        self._depth -= 1
        return node

    def _items(self, node: yaml.CollectionNode) -> None:
        node.value.append(self._node())

    def _pairs(self, node: yaml.CollectionNode) -> None:
        lines: dict[str, int] = {}
        while not self.check_event(yaml.MappingEndEvent):
            key = self._node()
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                self._check_key(key, lines)
            node.value.append((key, self._node()))

    def _check_key(self, key: yaml.ScalarNode, lines: dict[str, int]) -> None:
        line = key.start_mark.line + 1
        if key.value in lines:
            first = lines[key.value]
            self._find(key, f"'{key.value}' appears twice: it is on line {first} already.")
        lines.setdefault(key.value, line)
