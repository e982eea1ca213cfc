"""Compiled statements are shared by all SQLite databases of a run.

SQLAlchemy keeps them by engine and dialect, and nearly every test has an engine of its own: to
compile the same statements for each of them took a fifth of the time of these tests.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite import dialect


def share(patch: pytest.MonkeyPatch) -> None:
    """Let engines use one cache, and take the dialects of all of them for the same."""
    make, compiled = Engine.__init__, dict[Any, Any]()

    def made(self: Engine, *words: Any, **named: Any) -> None:
        make(self, *words, **named)
        if isinstance(self.dialect, dialect):
            self.update_execution_options(compiled_cache=compiled)

    patch.setattr(Engine, "__init__", made)
    patch.setattr(dialect, "__hash__", lambda _self: hash(dialect))
    patch.setattr(dialect, "__eq__", lambda _self, other: isinstance(other, dialect))
