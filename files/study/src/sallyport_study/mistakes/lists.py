"""Lists: dashes, and brackets that are not closed."""

from __future__ import annotations

import re

from sallyport_study.mistakes.lines import LONGEST_LINE, Broken, Mistake, indent_of

_ITEM = re.compile(r" *- +\S")
_GLUED = re.compile(r"(\s*)-([^\s-].*)$")


def dash(broken: Broken) -> Mistake | None:
    """Explain a dash without a space, or an entry of a list without a dash."""
    for number in (broken.error.begin[0], broken.line):
        if not number:
            continue
        line = broken.text(number)
        glued = _GLUED.match(line)
        if glued and "':'" in broken.error.reason:
            sentence = f"Write a space after the dash: '- {glued[2]}'."
            return broken.mistake(number, glued.end(1) + 2, sentence, _all(broken, number))
        before = broken.content_before(number)
        above = broken.text(before) if before else ""
        if "':'" in broken.error.reason and above.lstrip().startswith("- ") and line.strip():
            good = f"- {line.strip()}"
            sentence = f"Begin each entry of the list with a dash and a space: '{good}'."
            column = indent_of(line) + 1
            return broken.mistake(number, column, sentence, " " * indent_of(above) + good)
    return None


def _not_closed(opening: str, closing: str) -> str:
    return f"The bracket {opening} that begins here is not closed; add {closing}."


def _opened(broken: Broken) -> tuple[int, int, str] | None:
    """Return where the last bracket is that nothing closes, and what would close it."""
    closed: list[str] = []
    for number in range(broken.line, max(broken.line - 50, 0), -1):
        text = broken.text(number)[:LONGEST_LINE]
        for at, letter in reversed(list(enumerate(text, start=1))):
            if letter in "]}":
                closed.append(letter)
            elif letter in "[{":
                if not closed:
                    return number, at, "]" if letter == "[" else "}"
                closed.pop()
    return None


def _all(broken: Broken, number: int) -> str:
    return _GLUED.sub(r"\1- \2", broken.text(number))


def stray_dash(broken: Broken) -> Mistake | None:
    """Explain an entry of a list among names with values."""
    line = broken.text(broken.line)
    if "did not find expected key" not in broken.error.reason or not _ITEM.match(line):
        return None
    indent = indent_of(line)
    sentence = "The line begins with '- ', and the lines above do not; remove the '- '."
    corrected = " " * indent + line.lstrip(" -")
    return broken.mistake(broken.line, indent + 1, sentence, corrected)


def commas(broken: Broken) -> Mistake | None:
    """Explain entries in brackets without a comma between them."""
    line, column = broken.line, broken.column
    if "flow mapping" not in broken.error.context or line != broken.error.begin[0]:
        return None
    text = broken.text(line)
    before = text[: column - 1].rstrip()
    begin = max(before.rfind(" "), before.rfind(",")) + 1
    word = before[begin:]
    if not word or text[begin - 1 : begin] != " ":
        return None
    sentence = f"A comma is missing in the brackets before '{word}'."
    return broken.mistake(line, begin + 1, sentence, f"{text[: begin - 1]}, {text[begin:]}")


def brackets(broken: Broken) -> Mistake | None:
    """Explain a bracket that is not closed, or commas with nothing between them."""
    context = broken.error.context
    if "nesting" in broken.error.reason:
        sentence = "Brackets are nested too deeply here."
        return broken.mistake(broken.line, broken.column, sentence)
    if "flow sequence" in context or "flow mapping" in context:
        line, column = broken.error.begin
        opening, closing = ("[", "]") if "sequence" in context else ("{", "}")
        text = broken.text(line)
        sentence = _not_closed(opening, closing)
        without = text[: column - 1] + text[column:]
        return broken.mistake(line, column, sentence, text.rstrip() + closing, without)
    if "flow node" in context:
        if (opened := _opened(broken)) and broken.at_end:
            line, column, closing = opened
            text = broken.text(line)
            sentence = _not_closed(text[column - 1], closing)
            return broken.mistake(line, column, sentence, text.rstrip() + closing)
        sentence = "Something is missing here between brackets, commas or colons."
        return broken.mistake(broken.line, broken.column, sentence)
    return None
