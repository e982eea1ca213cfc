"""What the author of a broken file did, in their words, and what they probably meant."""

from __future__ import annotations

from collections.abc import Callable

from sallyport_common.strict_yaml import Finding, YamlSyntaxError
from sallyport_study.mistakes import colons, lists, quotes, spaces
from sallyport_study.mistakes.lines import Broken, Mistake

__all__ = ["GIVEN_UP", "Broken", "Mistake", "explain"]

GIVEN_UP = "What comes after this could not be checked; correct the file and check it again."
_EXPLANATIONS: tuple[Callable[[Broken], Mistake | None], ...] = (
    spaces.tab,
    spaces.separator,
    quotes.unclosed,
    quotes.escape,
    quotes.indicator,
    quotes.after_value,
    spaces.invisible_space,
    colons.no_space,
    colons.missing,
    lists.dash,
    lists.brackets,
    colons.second,
    spaces.indentation,
)
"""Asked in this order: what is certain comes before what is likely."""


def explain(lines: list[str], error: YamlSyntaxError) -> Mistake:
    """Return what is wrong where the parser stopped."""
    broken = Broken(lines, error)
    for explanation in _EXPLANATIONS if broken.readable else ():
        mistake = explanation(broken)
        if mistake:
            return mistake
    line, column = error.place
    text = "This line does not fit; look at its indentation, colons and quotes, and the line above."
    return Mistake(Finding(max(line, 1), max(column, 1), text))
