"""What a study needs to declare tables; and a module per installed schema beneath this one."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import nearest
from sallyport_data_builder.lang.frames import (
    BaseFrame,
    Constraint,
    EventFrame,
    PatientFrame,
    Series,
    build,
    table,
)
from sallyport_data_builder.lang.inline import table_from_file, table_from_rows
from sallyport_data_builder.lang.methods import METHODS

__all__ = [
    "Constraint", "EventFrame", "PatientFrame", "Series", "table", "table_from_file",
    "table_from_rows",
]  # fmt: skip


def _frame(schema: str, name: str, spec: schemas.TableSpec) -> BaseFrame:
    one = spec.node.rows == "one"
    columns: dict[str, Any] = {key: Series(kind) for key, kind in spec.node.spec}
    bases = tuple(filter(None, (METHODS.get(spec.methods), PatientFrame if one else EventFrame)))
    return build(type(name, bases, {**columns, "__doc__": spec.description}), schema, name)


def _module(name: str) -> ModuleType:
    schema = schemas.load(name)
    module = ModuleType(f"{__name__}.{name}", f"The tables of the schema {name}.")
    for table_name, spec in schema.tables.items():
        setattr(module, table_name, _frame(name, table_name, spec))
    module.__dict__["__all__"] = list(schema.tables)
    return module


def __getattr__(name: str) -> Any:
    """Answer for a schema that is not installed."""
    raise AttributeError(f"There is no schema {name}.{nearest(name, schemas.names())}")


def _install() -> None:
    """Make every schema importable: `tables.core`, `tables.raw.core`, …"""
    for name in schemas.names():
        *parents, last = name.split(".")
        owner = sys.modules[__name__]
        for parent in parents:
            path = f"{owner.__name__}.{parent}"
            inner = sys.modules.setdefault(path, ModuleType(path, "Schemas of raw tables."))
            inner.__path__ = []
            setattr(owner, parent, inner)
            owner = inner
        module = _module(name)
        sys.modules[f"{owner.__name__}.{last}"] = module
        setattr(owner, last, module)


_install()
