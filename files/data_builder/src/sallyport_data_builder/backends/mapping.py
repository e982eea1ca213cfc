"""The mapping file of a backend: which physical rows are the standard ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sallyport_data_builder.backends import python
from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.backends.reader import Problem, Reader
from sallyport_data_builder.errors import ArgumentsError, MappingError, nearest

NO_BACKEND = ("", "test", "expectations")


def find(slug: str, folder: Path, environ: Mapping[str, str] | None = None) -> BackendMapping:
    """Load a backend; raise ArgumentsError naming the known ones, MappingError for its mistakes."""
    found, problems = look_up(slug, folder, os.environ if environ is None else environ)
    if found is None:
        raise MappingError("\n".join(map(str, problems)))
    return found


def look_up(
    slug: str, folder: Path, environ: Mapping[str, str]
) -> tuple[BackendMapping | None, list[Problem]]:
    """Load a backend: its file, its Python class or both; give what is wrong with the file."""
    kind = python.find(slug)
    name = kind.slug or kind.__name__.lower() if kind and "." in slug else slug
    file = folder / f"{name}.toml"
    if not file.is_file() and kind is None:
        known = sorted({path.stem for path in folder.glob("*.toml")} | {*python.names()})
        raise ArgumentsError(f"There is no backend {slug!r} in {folder}.{nearest(slug, known)}")
    mapping: BackendMapping | None = None
    problems: list[Problem] = []
    if file.is_file():
        mapping, problems = read(name, file.read_text(encoding="utf-8"))
        if mapping is None:
            return None, problems
    return (mapping if kind is None else python.apply(kind, name, mapping, environ)), problems


def read(slug: str, text: str) -> tuple[BackendMapping | None, list[Problem]]:
    """Read a mapping; give it, or all its problems."""
    reader = Reader(slug, text)
    mapping = reader.mapping()
    return (None if reader.problems else mapping), reader.problems


def parse(slug: str, text: str) -> BackendMapping:
    """Read a mapping; raise MappingError naming what is wrong and what is known (BK-02)."""
    mapping, problems = read(slug, text)
    if mapping is None:
        raise MappingError("\n".join(map(str, problems)))
    return mapping
