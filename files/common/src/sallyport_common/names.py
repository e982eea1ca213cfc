"""Names that several components judge: workspaces, people, backends, and globs over names.

Names of repositories, branches and tags have a grammar of their own in `sallyport_study.places`.
"""

from __future__ import annotations

import functools
import re

WORKSPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}")
"""User names of any job server: ours have neither `@` nor `+`, those of Django may."""
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
"""Backends and projects, as they are written in URLs."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def matches_glob(pattern: str, text: str) -> bool:
    """Return whether a whole string matches; `*` is any text without a slash."""
    return _compile_glob(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compile_glob(pattern: str) -> re.Pattern[str]:
    return re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")))
