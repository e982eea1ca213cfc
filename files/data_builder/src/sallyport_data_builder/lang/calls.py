"""What is said of a call of the language with arguments that it does not take."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

CALL = re.compile(r"(?P<name>[\w.]+)\(\) (?P<what>(?:got|missing|takes) .*)", re.DOTALL)


class _Default:
    """Stands for any default."""

    def __repr__(self) -> str:
        return "..."


def told(error: BaseException) -> str:
    """Return what is wrong with a call, and how it is made; nothing of functions of the study."""
    found = CALL.fullmatch(str(error)) if isinstance(error, TypeError) else None
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    function = _function(found["name"]) if found else None
    if found is None or function is None:
        return ""
    name = function.__name__
    if {**frame.f_globals, **frame.f_locals}.get(found["name"], function) is not function:
        return ""  # the study has a function of that name
    what = found["what"]
    if what.startswith("takes"):  # Python counts the object of a method too
        what = "got more arguments than it takes"
    return f"{name} {what}. It is called as {name}{_signature(function)}."


def _function(path: str) -> Callable[..., Any] | None:
    """Return the function of the language with a qualified name."""
    first, *rest = path.split(".")
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__package__}."):
            found = vars(module).get(first)
            for part in rest:
                found = getattr(found, "__dict__", {}).get(part)
            if inspect.isfunction(found):
                return found
    return None


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return what a function takes, as a study writes it."""
    bare, default = inspect.Parameter.empty, _Default()
    taken = [
        item.replace(annotation=bare, default=bare if item.default is bare else default)
        for item in inspect.signature(function).parameters.values()
        if item.name != "self"
    ]
    return inspect.Signature(taken)
