"""Truth values for a database that has them in conditions alone: elsewhere they are bits."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mssql.base import MSSQLCompiler
from sqlalchemy.sql import elements, operators, selectable

CONDITIONS = (
    elements.BinaryExpression,
    elements.BooleanClauseList,
    elements.UnaryExpression,
    selectable.Exists,
)


def _is_condition(element: Any) -> bool:
    """Tell a condition from a value that is a truth value: a column, a constant, a case."""
    while isinstance(element, elements.Grouping | elements.TypeCoerce):
        is_group = isinstance(element, elements.Grouping)
        element = element.element if is_group else element.typed_expression
    return isinstance(element, CONDITIONS) and isinstance(element.type, sa.Boolean)


class BitCompiler(MSSQLCompiler):
    """Wraps a condition where a value is wanted, and compares a value where a condition is."""

    def _value(self, element: Any, options: dict[str, Any]) -> str:
        text = str(self.process(element, **options))
        if not _is_condition(element):
            return text
        return f"CASE WHEN {text} THEN CAST(1 AS BIT) WHEN NOT ({text}) THEN CAST(0 AS BIT) END"

    def _condition(self, element: Any, options: dict[str, Any]) -> str:
        text = str(self.process(element, **options))
        return text if _is_condition(element) else f"{text} = 1"

    def visit_label(self, *args: Any, **options: Any) -> Any:
        """A column of a SELECT is a value."""
        (label, *_others) = args
        base: Any = super()
        plain: Any = base.visit_label
        if not options.get("within_columns_clause") or not _is_condition(label.element):
            return plain(*args, **options)
        if (collect := options.pop("add_to_result_map", None)) is not None:
            collect(label.name, label.name, (label, label.name), label.type)
        name = self.preparer.format_label(label)
        return f"{self._value(label.element, options)} AS {name}"

    def visit_case(self, *args: Any, **options: Any) -> Any:
        """The branches are conditions, the results values."""
        (clause, *_others) = args
        parts = ["CASE"]
        for when, then in clause.whens:
            parts += ["WHEN", self._condition(when, options), "THEN", self._value(then, options)]
        if clause.else_ is not None:
            parts += ["ELSE", self._value(clause.else_, options)]
        return " ".join([*parts, "END"])

    def visit_binary(self, *args: Any, **options: Any) -> Any:
        """Both sides of a comparison are values."""
        (binary, *_others) = args
        base: Any = super()
        plain: Any = base.visit_binary
        sides = (binary.left, binary.right)
        if binary.operator not in (operators.eq, operators.ne) or not any(
            map(_is_condition, sides)
        ):
            return plain(*args, **options)
        left, right = (self._value(side, options) for side in sides)
        return f"{left} {'=' if binary.operator is operators.eq else '!='} {right}"

    def visit_function(self, *args: Any, **options: Any) -> Any:
        """Arguments of a function are values."""
        (function, *_others) = args
        base: Any = super()
        plain: Any = base.visit_function
        if not any(_is_condition(argument) for argument in function.clauses):
            return plain(*args, **options)
        options.pop("add_to_result_map", None)
        listed = ", ".join(self._value(argument, options) for argument in function.clauses)
        return f"{function.name}({listed})"
