"""The images that a backend has: names in project.yaml, and where each is pulled from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sallyport_study import images
from sallyport_study.errors import listed
from sallyport_study.images import DOCKER_IMAGES

NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
REPOSITORY = re.compile(rf"(?:{NAME.pattern})(?:/{NAME.pattern})+")
_KEYS = ("name", "repository", "tags", "database", "command")


@dataclass(frozen=True, kw_only=True)
class ImageEntry:
    """An image by its name in project.yaml.

    `repository` is where a registry has it, as `NAMESPACE/NAME` or `REGISTRY/NAMESPACE/NAME`; empty
    means its name in the backend's own namespace. `tags` are those that may be used, none means
    all. With `database`, every command of it may query the database. `command` precedes the words
    of an action, in place of what the image starts by itself.
    """

    name: str
    repository: str = ""
    tags: tuple[str, ...] = ()
    database: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """The images that actions may name, by name."""

    entries: Mapping[str, ImageEntry]

    @classmethod
    def of(cls, entries: Sequence[ImageEntry]) -> Catalogue:
        """Return a catalogue; of two entries with one name the later counts."""
        return cls({entry.name: entry for entry in entries})

    @classmethod
    def parse(cls, text: str) -> Catalogue:
        """Read a JSON list of names and of objects with the fields of ImageEntry.

        Raises ValueError naming the entry that is malformed.
        """
        values = json.loads(text)
        if not isinstance(values, list):
            raise ValueError("expected a list of images")
        return cls.of([read_entry(value) for value in values])

    @classmethod
    def from_flags(cls, names: str, tags: str = "") -> Catalogue:
        """Return what a runner tells of its images: names and `name:tag` pairs, with spaces."""
        allowed: dict[str, tuple[str, ...]] = dict.fromkeys(names.split(), ())
        for pair in tags.split():
            name, _colon, tag = pair.partition(":")
            if name in allowed:
                allowed[name] += (tag,)
        return cls.of([ImageEntry(name=name, tags=some) for name, some in allowed.items()])

    @property
    def names(self) -> list[str]:
        """The names of all images."""
        return sorted(self.entries)

    @property
    def pairs(self) -> list[str]:
        """The `name:tag` pairs of images of which only some tags may be used."""
        return [f"{name}:{tag}" for name in self.names for tag in self.entries[name].tags]

    def __contains__(self, name: str) -> bool:
        """Return whether there is an image of a name."""
        return name in self.entries

    def queries_database(self, words: Sequence[str]) -> bool:
        """Return whether a command may query the database; its first word is `name:tag`."""
        name = words[0].partition(":")[0]
        entry = self.entries.get(name)
        own = entry is not None and entry.database
        return own or images.queries_database(name, list(words[1:]))

    def tag_problem(self, word: str) -> str:
        """Return the end of a sentence about `name:tag` where the tag may not be used, or ''."""
        name, _colon, tag = word.partition(":")
        entry = self.entries[name]
        if not entry.tags or tag in entry.tags:
            return ""
        return f"of which this backend allows other tags only: {listed(entry.tags)}."


def read_entry(value: Any) -> ImageEntry:
    """Return the entry that a name or an object describes; raise ValueError naming it."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("each image is a name, or has a 'name'")
    name = value["name"]
    problem = _entry_problem(value)
    if problem:
        raise ValueError(f"the image '{name}' {problem}")
    return ImageEntry(
        name=name,
        repository=value.get("repository") or "",
        tags=tuple(value.get("tags") or ()),
        database=value.get("database") or False,
        command=tuple(value.get("command") or ()),
    )


def _entry_problem(value: Mapping[str, Any]) -> str:
    repository, tags = value.get("repository") or "", value.get("tags") or []
    command = value.get("command") or []
    unknown = sorted(set(value) - set(_KEYS))
    tags_good = _texts(tags) and all(map(images.is_tag, tags))
    faults = {
        f"has unknown settings: {', '.join(unknown)}": bool(unknown),
        "has a name that is not lower-case letters, digits, '.', '_' and '-'": (
            not NAME.fullmatch(value["name"])
        ),
        "has a repository that is not NAMESPACE/NAME or REGISTRY/NAMESPACE/NAME": (
            not isinstance(repository, str)
            or bool(repository and not REPOSITORY.fullmatch(repository))
        ),
        "has tags that project.yaml cannot name; they look like v2": not tags_good,
        "has a 'database' that is not true or false": (
            not isinstance(value.get("database", False), bool)
        ),
        "has a 'command' that is not a list of words": not _texts(command) or "" in command,
    }
    return next((text for text, applies in faults.items() if applies), "")


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


DEFAULT = Catalogue.of([ImageEntry(name=name) for name in sorted(DOCKER_IMAGES)])
"""The images of a backend whose settings name no others."""
