"""Statements that SQLAlchemy has no words for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement


def full_name(compiler: Any, name: str, schema: str) -> str:
    """Return a quoted name; a schema may have a database or catalogue before it."""
    parts = [*schema.split("."), name] if schema else [name]
    return ".".join(compiler.preparer.quote(part) for part in parts)


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
    words = ["CREATE", element.kind, "TABLE", full_name(compiler, element.name, element.schema)]
    if element.index:
        words.append(f"(INDEX ({compiler.preparer.quote(element.index)}))")
    return " ".join(word for word in (*words, "AS", body) if word)


class CreateIndex(Executable, ClauseElement):
    """Makes an index on a column of a scratch table."""

    inherit_cache = False

    def __init__(self, kind: str, name: str, schema: str, column: str) -> None:
        self.kind, self.name, self.schema, self.column = kind, name, schema, column


@compiles(CreateIndex)
def _index(element: CreateIndex, compiler: Any, **_options: Any) -> str:
    quote = compiler.preparer.quote
    table = full_name(compiler, element.name, element.schema)
    column, name = quote(element.column), quote(f"{element.name}_{element.column}")
    return f"CREATE {element.kind} INDEX {name} ON {table} ({column})"


class ArrayOf(FunctionElement[Any]):
    """An array of expressions."""

    inherit_cache = False


@compiles(ArrayOf)
def _array(element: ArrayOf, compiler: Any, **options: Any) -> str:
    return f"ARRAY[{compiler.process(element.clauses, **options)}]"


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
    return f"{element.words} {full_name(compiler, element.name, element.schema)}"
