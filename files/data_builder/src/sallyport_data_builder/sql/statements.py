"""Statements that SQLAlchemy has no words for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement


def _full_name(compiler: Any, name: str, schema: str) -> str:
    quote = compiler.preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))


class CreateTableAs(Executable, ClauseElement):
    """Stores the rows of a SELECT, with an index where that is made together with the table."""

    inherit_cache = False

    def __init__(
        self, kind: str, name: str, schema: str, select: sa.Select[Any], index: str = ""
    ) -> None:
        self.kind, self.name, self.schema, self.select = kind, name, schema, select
        self.index = index


@compiles(CreateTableAs)
def _create(element: CreateTableAs, compiler: Any, **options: Any) -> str:
    body = compiler.process(element.select, **options)
    words = ["CREATE", element.kind, "TABLE", _full_name(compiler, element.name, element.schema)]
    if element.index:
        words.append(f"(INDEX ({compiler.preparer.quote(element.index)}))")
    return " ".join(word for word in (*words, "AS", body) if word)


class _OnTable(Executable, ClauseElement):
    words = ""

    def __init__(self, name: str, schema: str) -> None:
        self.name, self.schema = name, schema


class Analyze(_OnTable):
    """Gathers statistics of a table."""

    inherit_cache = False
    words = "ANALYZE"


class Drop(_OnTable):
    """Drops a table if it is there."""

    inherit_cache = False
    words = "DROP TABLE IF EXISTS"


@compiles(Analyze)
@compiles(Drop)
def _on_table(element: _OnTable, compiler: Any, **_options: Any) -> str:
    return f"{element.words} {_full_name(compiler, element.name, element.schema)}"
