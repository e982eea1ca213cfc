"""What is said of a call of the language with arguments that it does not take."""

from __future__ import annotations

import ast
import gc
import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from itertools import islice
from types import FunctionType, ModuleType, TracebackType
from typing import Any

import sallyport_data_builder

CALL = re.compile(r"(?P<name>[\w.]+)\(\) (?P<what>(?:got|missing|takes) .*)", re.DOTALL)


class _Default:
    """Stands for any default."""

    def __repr__(self) -> str:
        return "..."


def told(error: BaseException) -> str:
    """Return what is wrong with a call, and how it is made; nothing of functions of the study."""
    found = CALL.fullmatch(str(error)) if isinstance(error, TypeError) else None
    *_, last = _steps(error.__traceback__)
    function = _function(found["name"], last) if found else None
    if found is None or function is None:
        return ""
    name = function.__name__
    if name == "__init__":
        name = found["name"].removesuffix(".__init__")
    what = found["what"]
    if what.startswith("takes"):  # Python counts the object of a method too
        what = "got more arguments than it takes"
    return f"{name} {what}. It is called as {name}{_signature(function)}."


def _steps(step: TracebackType | None) -> Iterator[TracebackType]:
    while step is not None:
        yield step
        step = step.tb_next


def _function(path: str, step: TracebackType) -> FunctionType | None:
    """Return the function of a qualified name if it is certain that the language's was called."""
    if "." in path:
        found = _method(path)
        return None if any(_is_rival(item, path) for item in gc.get_objects()) else found
    called = _called(step)
    if not isinstance(called, FunctionType) or called.__qualname__ != path:
        return None
    return called if _home(called).startswith(f"{__package__}.") else None


def _method(path: str) -> FunctionType | None:
    """Return the method of the language with a qualified name."""
    first, *rest = path.split(".")
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__package__}."):
            found = vars(module).get(first)
            for part in rest:
                found = getattr(found, "__dict__", {}).get(part)
            if isinstance(found, FunctionType) and _home(found) == name:
                return found
    return None


def _is_rival(item: object, path: str) -> bool:
    """Return whether a function of others has this name too, so that it may be the one called."""
    if type(item) is not FunctionType or item.__qualname__ != path:
        return False
    return not _home(item).startswith(f"{sallyport_data_builder.__name__}.")


def _home(function: FunctionType) -> str:
    """Return the module that a function was written in, whatever it says of itself."""
    return str(function.__globals__.get("__name__"))


def _called(step: TracebackType) -> object:
    """Return what was called by a name, also one in a module, where a traceback ends."""
    frame = step.tb_frame
    place = next(islice(frame.f_code.co_positions(), step.tb_lasti // 2, None))
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except (SyntaxError, ValueError):  # the file was changed since
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and place == (
            (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
        ):
            return _meant(node.func, {**frame.f_globals, **frame.f_locals})
    return None


def _meant(written: ast.expr, scope: dict[str, Any]) -> object:
    if isinstance(written, ast.Name):
        return scope.get(written.id)
    if isinstance(written, ast.Attribute):
        module = _meant(written.value, scope)
        return vars(module).get(written.attr) if isinstance(module, ModuleType) else None
    return None


def _signature(function: FunctionType) -> inspect.Signature:
    """Return what a function takes, as a study writes it."""
    bare, default = inspect.Parameter.empty, _Default()
    taken = [
        item.replace(annotation=bare, default=bare if item.default is bare else default)
        for item in inspect.signature(function).parameters.values()
        if item.name != "self"
    ]
    return inspect.Signature(taken)
