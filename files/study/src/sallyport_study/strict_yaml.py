"""YAML for project files: safe, no duplicate keys, no document that grows when it is read."""

from __future__ import annotations

from typing import Any

import yaml

from sallyport_study.errors import ProjectError

MAX_CHARACTERS = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 100


class _Refused(Exception):
    """The document is refused; the argument is the sentence."""


class _Loader(yaml.SafeLoader):
    """Refuses deep documents itself: what the interpreter bears differs between processes."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node unless too many enclose it."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused("The file is nested too deeply.")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _check_text(node: yaml.Node) -> None:
    """Refuse what no command line and no database can hold; only escapes can write it."""
    if isinstance(node, yaml.ScalarNode) and any(
        letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in node.value
    ):
        line = node.start_mark.line + 1
        raise _Refused(f"The text on line {line} holds a NUL or half of a surrogate pair.")


def _expanded(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many nodes a document has once aliases are written out."""
    known = sizes.get(id(node))
    if known == 0:
        raise _Refused("The file holds an alias to something that contains it.")
    if known is None:
        _check_text(node)
        sizes[id(node)] = 0
        known = 1 + sum(_expanded(child, sizes) for child in _children(node))
        sizes[id(node)] = known
    if known > MAX_NODES:
        raise _Refused(f"The file is larger than {MAX_NODES} values once aliases are followed.")
    return known


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _duplicates(node: yaml.Node, seen: set[int]) -> list[str]:
    if id(node) in seen:
        return []
    seen.add(id(node))
    found, lines = [], dict[str, int]()
    for key in [key for key, _value in node.value] if isinstance(node, yaml.MappingNode) else []:
        line = key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in lines:
                first = lines[key.value]
                found.append(f"The key '{key.value}' stands twice: on lines {first} and {line}.")
            lines.setdefault(key.value, line)
    return found + [text for child in _children(node) for text in _duplicates(child, seen)]


def _read(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded(node, {})
        duplicates = _duplicates(node, set())
        if duplicates:
            raise ProjectError(duplicates)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or "it cannot be read"
    place = f" on line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"The file is not valid YAML{place}: {reason}."


def load(text: str) -> Any:
    """Return the document's value; raise ProjectError with a line number where there is one."""
    if len(text) > MAX_CHARACTERS:
        raise ProjectError([f"The file is longer than {MAX_CHARACTERS} characters."])
    try:
        return _read(text)
    except _Refused as error:
        raise ProjectError([str(error)]) from None
    except (yaml.YAMLError, ValueError) as error:
        known = error if isinstance(error, yaml.YAMLError) else yaml.YAMLError()
        raise ProjectError([_sentence(known)]) from None
