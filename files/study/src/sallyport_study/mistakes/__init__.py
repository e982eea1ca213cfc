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
    quotes.closed_below,
    spaces.invisible_space,
    colons.nameless,
    colons.wide,
    spaces.below_marker,
    colons.no_space,
    spaces.comment,
    spaces.continued,
    colons.missing,
    lists.dash,
    lists.stray_dash,
    lists.commas,
    lists.brackets,
    colons.second,
    spaces.indentation,
)
"""Asked in this order: what is certain comes before what is likely."""


def explain(lines: list[str], error: YamlSyntaxError) -> list[Mistake]:
    """Return what may be wrong where the parser stopped, the most certain first; never none."""
    broken = Broken(lines, error)
    mistakes = []
    for explanation in _EXPLANATIONS if broken.readable else ():
        mistake = explanation(broken)
        if mistake:
            mistakes.append(mistake)
            if not mistake.corrections:
                break
    if mistakes:
        return mistakes
    line, column = error.place
    text = "This line does not fit; look at its indentation, colons and quotes, and the line above."
    return [Mistake(Finding(max(line, 1), max(column, 1), text))]
