"""Serves the data builder's language under the name that studies import.

The modules are the very objects of `sallyport_data_builder.lang`, so identity and isinstance hold.
Where the real package is installed this one refuses to load.
"""

import importlib
import importlib.metadata
import sys
from pathlib import Path

LANGUAGE = "sallyport_data_builder.lang"
REAL = "opensafely-ehrql"


def _refuse_the_real_one() -> None:
    try:
        importlib.metadata.distribution(REAL)
    except importlib.metadata.PackageNotFoundError:
        return
    raise ImportError(
        f"{REAL} and sallyport-ehrql-alias are both installed and offer the same name; "
        f"remove one of them, for example: pip uninstall {REAL}"
    )


def _refuse_another() -> None:
    own = Path(__file__).read_bytes()  # a copy of this file does not count
    for folder in map(Path, sys.path):
        for other in (folder / "ehrql.py", folder / "ehrql" / "__init__.py"):
            if other.is_file() and other.read_bytes() != own:
                raise ImportError(
                    f"{other} offers the same name as sallyport-ehrql-alias; remove or rename it"
                )


def _serve() -> None:
    """Enter every module of the language under its alias."""
    for name in ("", ".tables", ".codes", ".query_language"):
        importlib.import_module(LANGUAGE + name)
    for name, module in list(sys.modules.items()):
        if name == LANGUAGE or name.startswith(f"{LANGUAGE}."):
            sys.modules[__name__ + name.removeprefix(LANGUAGE)] = module


_refuse_the_real_one()
_refuse_another()
_serve()
