"""YAML from people: safe, no duplicate keys, no document that grows when it is read.

libyaml parses; its events are composed here, because only between two events can a document be
refused before its depth or its aliases cost anything. Ansible plugins read YAML with the loader of
ansible-core instead: on the controller they cannot import our packages.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

from sallyport_common.errors import SallyportError

MAX_NODES = 250_000
"""Values of a document, once aliases are followed."""
MAX_DEPTH = 100
_Event: TypeAlias = Any
"""An event of libyaml; the attributes depend on its class, the stubs know none of the marks."""
_MERGE, _STRING = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class YamlError(SallyportError):
    """A document is refused; `problems` holds one sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(text: str) -> Any:
    """Return the document's value; raise YamlError with a line number where there is one."""
    # A large document makes hundreds of thousands of objects and no garbage; the collector looks at
    # all of them again and again, which is half of the time. No component keeps it off.
    gc.disable()
    try:
        return _Loader(text).load()
    except (yaml.YAMLError, ValueError) as error:
        fault = error if isinstance(error, yaml.YAMLError) else yaml.YAMLError()
        raise YamlError(_sentence(fault)) from None
    finally:
        gc.enable()


class _Loader(yaml.CSafeLoader):
    """Composes nodes from libyaml's events, counting depth, nodes and keys on the way."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._anchors: dict[str, yaml.Node] = {}
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._count = self._depth = 0
        self._tags: dict[tuple[str, tuple[bool, bool]], str] = {}
        self._duplicates: list[str] = []

    def load(self) -> Any:
        """Return the value of the only document, None for a stream without one."""
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

    def _document(self) -> Any:
        self.get_event()
        node = self._node()
        self.get_event()
        if not self.check_event(yaml.StreamEndEvent):
            raise yaml.MarkedYAMLError(
                problem="the file holds more than one document",
                problem_mark=self._next().start_mark,
            )
        if self._duplicates:
            raise YamlError(*self._duplicates)
        return self.construct_document(node)

    def _node(self) -> yaml.Node:
        event = self._next()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._add(1)
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

    def _add(self, nodes: int) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise YamlError(
                f"The file is larger than {MAX_NODES} values once aliases are followed."
            )

    def _alias(self, event: _Event) -> yaml.Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise yaml.MarkedYAMLError(
                problem=f"the alias '{event.anchor}' has no anchor before it",
                problem_mark=event.start_mark,
            )
        if id(node) in self._open:
            raise YamlError("The file holds an alias to something that contains it.")
        self._add(self._sizes[id(node)])
        return node

    def _anchor(self, event: _Event, node: yaml.Node) -> None:
        if event.anchor in self._anchors:
            raise yaml.MarkedYAMLError(
                problem=f"the anchor '{event.anchor}' is defined twice",
                problem_mark=event.start_mark,
            )
        self._anchors[event.anchor] = node

    def _scalar(self, event: _Event) -> yaml.ScalarNode:
        value: str = event.value
        if "\0" in value:  # no command line and no database can hold it; only escapes write it
            raise YamlError(f"The text on line {event.start_mark.line + 1} contains a NUL.")
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolved(value, event.implicit)
        return yaml.ScalarNode(tag, value, event.start_mark, event.end_mark, event.style)

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
        if tag is None or tag == "!":
            tag = self._tag(kind, None, event.implicit)
        node = kind(tag, [], event.start_mark, event.end_mark, event.flow_style)
        if event.anchor:
            self._anchor(event, node)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise YamlError("The file is nested too deeply.")
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
            self._duplicates.append(
                f"The key '{key.value}' appears twice, on lines {first} and {line}."
            )
        lines.setdefault(key.value, line)


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or "it cannot be read"
    place = f" on line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"The file is not valid YAML{place}: {reason}."
