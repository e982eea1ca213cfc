"""Names that ehrQL has and we have not: a study that uses one is told so, and what to use."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import UnknownModuleError, UnknownNameError, nearest

ROOTS = (f"{__package__}.", "ehrql.")
NAMES = {
    "Parameters": "Use get_parameter(...).",
    "assurance": "Try a definition on small tables with --dummy-tables.",
    "quiz": "There are no quizzes here.",
}


def refuse_name(name: str, known: Sequence[str]) -> Any:
    """Raise for a name that a module of the language has not."""
    hint = f" {NAMES[name]}" if name in NAMES else nearest(name, known)
    raise UnknownNameError(f"There is no {name} in this data builder.{hint}")


class Refusing(MetaPathFinder):
    """Comes after all others, and says of a module of the language that it is not here."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Raise UnknownModuleError for what would be a module of the language."""
        del path, target
        root = next((root for root in ROOTS if fullname.startswith(root)), None)
        if root is None or fullname.rpartition(".")[2].startswith("__"):
            return
        name = fullname.removeprefix(root)
        if name.startswith("tables."):
            found = nearest(name.removeprefix("tables.").removeprefix("beta."), schemas.names())
            raise UnknownModuleError(f"There is no {name} in this data builder.{found}")
        hint = f" {NAMES[name]}" if name in NAMES else nearest(name, self._known)
        raise UnknownModuleError(f"There is no {name} in this data builder.{hint}")


def install(known: Sequence[str]) -> None:
    """Answer for modules that are not here."""
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, Refusing)]
    sys.meta_path.append(Refusing(known))
