"""systemd's calendar grammar (systemd.time(7), "CALENDAR EVENTS"), as far as a schedule needs it.

The grammar here is the same on every controller. Where the controller has systemd, its own reader
is asked too: it also knows which dates never come.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

WORDS = {
    *("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly"),
    *("annually", "biannually", "bi-annually", "semi-annually"),
}
DAY = (
    r"(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?"
    r"|sun(?:day)?)"
)
WEEKDAYS = re.compile(rf"{DAY}(?:(?:\.\.|,){DAY})*,?", re.IGNORECASE)
PART = r"(?:\*|\d+(?:\.\.\d+)?)(?:/\d+)?"
PARTS = rf"{PART}(?:,{PART})*"
DATE = re.compile(rf"(?:({PARTS})-)?({PARTS})[-~]({PARTS})")
SECOND = r"(?:\*|\d+(?:\.\d+)?(?:\.\.\d+(?:\.\d+)?)?)(?:/\d+(?:\.\d+)?)?"
TIME = re.compile(rf"({PARTS}):({PARTS})(?::({SECOND}(?:,{SECOND})*))?")
ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+-]+)+")
LIMITS = {
    DATE: ((1970, 2199), (1, 12), (1, 31)),
    TIME: ((0, 23), (0, 59), (0, 59)),
}


def is_schedule(text: str) -> bool:
    """Return whether a string is a schedule that will come, as far as this controller can tell."""
    return bool(text) and (text.lower() in WORDS or is_expression(text)) and systemd_accepts(text)


def is_expression(text: str) -> bool:
    """Return whether a string is `[weekdays] [date] [time] [zone]`, with at least one of three."""
    words = text.split(" ")
    if len(words) > 1 and ZONE.fullmatch(words[-1]):
        words.pop()
    count = len(words)
    if words and WEEKDAYS.fullmatch(words[0]):
        words.pop(0)
    for pattern in (DATE, TIME):
        if words and within(pattern, words[0]):
            words.pop(0)
    return not words and count > 0


def within(pattern: re.Pattern[str], word: str) -> bool:
    """Return whether a word is a date, or a time, whose numbers exist."""
    match = pattern.fullmatch(word)
    if not match:
        return False
    return all(
        part is None or all(low <= int(number) <= high for number in numbers(part))
        for part, (low, high) in zip(match.groups(), LIMITS[pattern], strict=True)
    )


def numbers(part: str) -> list[str]:
    """Return the values of a list such as `1..5,10/2`, without steps and fractions."""
    values = [re.sub(r"/.*", "", item) for item in part.split(",")]
    ends = [end for value in values for end in value.split("..")]
    return [re.sub(r"\.\d+$", "", end) for end in ends if end != "*"]


@functools.cache
def systemd_accepts(text: str) -> bool:
    """Return whether this controller's systemd reads it and it will come; without one, True."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return True
    answer = subprocess.run(
        [program, "calendar", "--", text],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    return answer.returncode == 0 and "Next elapse: never" not in answer.stdout
