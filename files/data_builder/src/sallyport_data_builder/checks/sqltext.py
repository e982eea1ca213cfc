"""Parses the operator's SQL: is it one SELECT or one expression, and which tables it reads."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Command)


def wrong_query(text: str, grammar: str) -> str:
    """Say why a string is not a single SELECT, or nothing."""
    try:
        found = [item for item in sqlglot.parse(text, read=grammar or None) if item is not None]
    except SqlglotError as error:
        return _why(error)
    if len(found) != 1:
        return f"it is {len(found)} statements; write one SELECT"
    if not isinstance(found[0], exp.Query) or any(found[0].find_all(*WRITES)):
        return "it is not a SELECT; write one that only reads"
    return ""


def wrong_expression(text: str, grammar: str) -> str:
    """Say why a string is not a single expression, or nothing."""
    try:
        found = sqlglot.parse(f"select (\n{text}\n)", read=grammar or None)
    except SqlglotError as error:
        return _why(error, 1)
    select = found[0] if len(found) == 1 else None
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return "write one expression"
    extra = [key for key, value in select.args.items() if value and key not in ("expressions",)]
    if extra or any(select.find_all(*WRITES)):
        return "write one expression, without more of a statement around it"
    inner = select.expressions[0]
    return "" if isinstance(inner, exp.Paren | exp.Subquery) else "write one expression"


def tables(text: str, grammar: str) -> list[str]:
    """Return the names of the tables that a query reads; none where it cannot be parsed."""
    try:
        tree = sqlglot.parse_one(text, read=grammar or None)
    except SqlglotError:
        return []
    own = {item.alias_or_name for item in tree.find_all(exp.CTE)}
    named = [".".join(part.name for part in item.parts) for item in tree.find_all(exp.Table)]
    return sorted({name for name in named if name and name not in own})


def _why(error: SqlglotError, before: int = 0) -> str:
    """Return a parser's complaint without the text around the place."""
    details = getattr(error, "errors", None) or [{}]
    description = details[0].get("description") or "it cannot be read"
    line = details[0].get("line")
    return f"{description} (its line {line - before})" if line else str(description)
