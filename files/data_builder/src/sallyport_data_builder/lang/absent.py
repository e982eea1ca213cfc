"""Names that ehrQL has and this data builder does not: the error says what to use instead."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import (
    DefinitionError,
    UnknownModuleError,
    UnknownNameError,
    nearest,
)

ROOTS = (f"{__package__}.", "ehrql.")
NAMES = {
    "Parameters": "Use get_parameter(...).",
    "DummyDataConfig": "Use dataset.configure_dummy_data(...).",
    "Parameter": "Use get_parameter(...), or INTERVAL in measures.",
    "assurance": "Check a definition with the command `assure`.",
    "compile": "Compile a definition with the command `compile`.",
    "debugger": "Use `from ehrql import show`.",
    "permissions": "Use `from ehrql import claim_permissions`.",
    "query_model": "It is an internal part of ehrQL; use the names of ehrql and ehrql.tables.",
    "quiz": "There are no quizzes here.",
    "quiz_answers": "There are no quizzes here.",
}

# Modules of ehrQL's early days, which published studies still import.
EARLIER = {
    "cohortextractor": "It is the language before ehrQL. Write `from ehrql import "
    "codelist_from_csv`, leave out system=, and combine codelists with +.",
    "databuilder": "It is the first name of ehrQL: write ehrql.",
}
BETA = " Its tables are in ehrql.tables without beta: write ehrql.tables.tpp."


def refuse_name(name: str, names: Sequence[str]) -> Any:
    """Raise UnknownNameError for a name that a package of the language does not have."""
    hint = f" {NAMES[name]}" if name in NAMES else nearest(name, names)
    raise UnknownNameError(f"There is no {name} in this data builder.{hint}")


def refuse_import(name: str, module: str, names: Sequence[str]) -> Any:
    """Raise for a name that a module of the language does not have.

    Python asks for names with underscores on both sides itself. For others it must not be an
    AttributeError: `from module import name` would turn that into an ImportError with a path of
    ours.
    """
    if name.startswith("__"):
        raise AttributeError(name)
    hint = f" {NAMES[name]}" if name in NAMES else nearest(name, names)
    raise DefinitionError(f"ehrql.{module} has no {name} in this data builder.{hint}")


class Refusing(MetaPathFinder):
    """The last finder: it refuses modules of the language that do not exist here."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Raise UnknownModuleError for a module of the language."""
        del path, target
        root = next((root for root in ROOTS if fullname.startswith(root)), None)
        if fullname in EARLIER:
            raise UnknownModuleError(f"There is no {fullname} here. {EARLIER[fullname]}")
        if root is None or fullname.rpartition(".")[2].startswith("__"):
            return
        name = fullname.removeprefix(root)
        if name.startswith("tables."):
            hint = nearest(name.removeprefix("tables."), schemas.names())
            hint = BETA if name == "tables.beta" else hint
            raise UnknownModuleError(f"There is no {name} in this data builder.{hint}")
        first = name.partition(".")[0]
        hint = f" {NAMES[first]}" if first in NAMES else nearest(name, self._names)
        raise UnknownModuleError(f"There is no {name} in this data builder.{hint}")


def install(names: Sequence[str]) -> None:
    """Answer for modules that do not exist here."""
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, Refusing)]
    sys.meta_path.append(Refusing(names))
