"""What a study needs to declare tables; and a module per installed schema beneath this one."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DefinitionError, UnknownNameError, nearest
from sallyport_data_builder.lang import codes
from sallyport_data_builder.lang.frames import (
    BaseFrame,
    Constraint,
    EventFrame,
    PatientFrame,
    Series,
    build,
    table,
)
from sallyport_data_builder.lang.functions import case, when
from sallyport_data_builder.lang.inline import table_from_file, table_from_rows
from sallyport_data_builder.lang.methods import METHODS

__all__ = [
    "Constraint", "EventFrame", "PatientFrame", "Series", "table", "table_from_file",
    "table_from_rows",
]  # fmt: skip


# What ehrQL's modules of tables hold besides tables; published studies import it from there.
SHARED: dict[str, Any] = {
    "Constraint": Constraint,
    "EventFrame": EventFrame,
    "PatientFrame": PatientFrame,
    "Series": Series,
    "case": case,
    "datetime": datetime,
    "table": table,
    "when": when,
    **{name: getattr(codes, name) for name in codes.__all__ if name.endswith(("Code", "String"))},
}

# Tables by names that ehrQL had once.
RENAMED = {"hospital_admissions": "apcs"}


def get_tables_from_namespace(namespace: Any) -> Iterator[tuple[str, BaseFrame]]:
    """Yield the tables of a module such as `ehrql.tables.core`, by name."""
    for name in dir(namespace):
        value = getattr(namespace, name)
        if isinstance(value, BaseFrame):
            yield name, value


def _frame(schema: str, name: str, spec: schemas.TableSpec) -> BaseFrame:
    if spec.methods and spec.methods not in METHODS:
        known = nearest(spec.methods, METHODS)
        raise schemas.SchemaError(f"{schema}.{name}: {spec.methods}.{known}")
    one = spec.rows == "one"
    columns: dict[str, Any] = {
        key: Series(column.type, description=column.description)
        for key, column in spec.columns.items()
    }
    bases = tuple(filter(None, (METHODS.get(spec.methods), PatientFrame if one else EventFrame)))
    return build(type(name, bases, {**columns, "__doc__": spec.description}), schema, name)


class SchemaModule(ModuleType):
    """The tables of a schema, which is read when the first of them is asked for."""

    def __init__(self, path: str, schema: str) -> None:
        super().__init__(path, f"The tables of the schema {schema}.")
        self._schema = schema

    def __dir__(self) -> list[str]:
        return list(schemas.load(self._schema).tables)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return self.__dir__()
        if name.startswith("__"):
            raise AttributeError(name)
        if name in SHARED:
            return SHARED[name]
        tables = schemas.load(self._schema).tables
        if name not in tables:
            new = RENAMED.get(name)
            hint = f" It is called {new} now." if new in tables else nearest(name, tables)
            raise DefinitionError(f"The schema {self._schema} has no table {name}.{hint}")
        frame = _frame(self._schema, name, tables[name])
        setattr(self, name, frame)
        return frame


def __getattr__(name: str) -> Any:
    """Answer for a schema that is not installed."""
    if name.startswith("__"):
        raise AttributeError(name)
    raise UnknownNameError(f"There is no schema {name}.{nearest(name, schemas.names())}")


def install() -> None:
    """Make every installed schema importable: `tables.core`, `tables.raw.core`, …"""
    for name in schemas.names():
        *parents, last = name.split(".")
        owner = sys.modules[__name__]
        for parent in parents:
            path = f"{owner.__name__}.{parent}"
            inner = sys.modules.setdefault(path, ModuleType(path, "Schemas of raw tables."))
            inner.__path__ = []
            setattr(owner, parent, inner)
            owner = inner
        module = SchemaModule(f"{owner.__name__}.{last}", name)
        sys.modules[module.__name__] = module
        setattr(owner, last, module)


install()
