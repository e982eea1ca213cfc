"""What a `run` string asks for: image, tag, and whether it queries the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from sallyport_study.errors import suggestion

RUN_ALL = "run_all"
"""The name that stands for every action of a project."""

DOCKER_IMAGES = frozenset({
    "cohortextractor", "cohortextractor-v2", "databuilder", "ehrql", "jupyter", "python", "r",
    "sqlrunner", "stata-mp",
})  # fmt: skip
"""Image names that run as they are; any other name is a reusable action."""

_DATASET = frozenset({"generate-dataset", "generate_dataset"})
_MEASURES = frozenset({"generate-measures", "generate_measures"})
DATABASE_COMMANDS = {
    "ehrql": _DATASET | _MEASURES,
    "databuilder": _DATASET | _MEASURES,
    "cohortextractor": frozenset({"generate_cohort", "generate_codelist_report"}),
    "cohortextractor-v2": frozenset({"generate_cohort", "generate_dataset"}),
}
_PART = re.compile(
    r"""([ \t\r\n]+)|([^ \t\r\n'"\\]+)|'([^']*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|\\(.)""", re.DOTALL
)
_BETWEEN, _PLAIN, _DOUBLE = 1, 2, 4
_PLAIN_WORD = re.compile(r"[^ \t\r\n]+")
_QUOTING = re.compile(r"""['"\\]""")
_IN_QUOTES = re.compile(r"""\\(["\\])""")
_TAG = re.compile(r"(v[\d.]+(-pre)?)|dev|latest")


def split_run(run: str) -> list[str]:
    """Return the words of a `run` string by shell rules; raise ValueError for open quotes.

    The words are those of `shlex.split`, which reads letter by letter: seconds for a large file.
    """
    return list(_split(run))


@lru_cache(maxsize=16)  # the reader checks a `run`, and asks for its words again a moment later
def _split(run: str) -> tuple[str, ...]:
    if _QUOTING.search(run) is None:
        return tuple(_PLAIN_WORD.findall(run))
    words: list[str] = []
    end, begins = 0, True
    for match in _PART.finditer(run):
        if match.start() != end:
            break
        end, kind = match.end(), match.lastindex
        if kind == _BETWEEN:
            begins = True
            continue
        part = match[kind or _PLAIN]
        plain = _IN_QUOTES.sub(r"\1", part) if kind == _DOUBLE else part
        if begins:
            words.append(plain)
        else:
            words[-1] += plain
        begins = False
    if end != len(run):
        raise ValueError("No closing quotation")
    return tuple(words)


def unknown_image(action: str, image: str, names: Iterable[str] = DOCKER_IMAGES) -> str:
    """Return the sentence about an action whose image is not one of a backend's `names`."""
    known = sorted(names)
    return (
        f"The action '{action}' uses the image '{image}', which this backend does not have"
        f"{suggestion(image.partition(':')[0], known)} Its images are {', '.join(known)}."
    )


def is_tag(text: str) -> bool:
    """Return whether a string is a tag that project.yaml may name."""
    return _TAG.fullmatch(text) is not None


def queries_database(image: str, arguments: list[str]) -> bool:
    """Return whether a command may be given access to the database."""
    if image == "sqlrunner":
        return True
    return bool(arguments) and arguments[0] in DATABASE_COMMANDS.get(image, frozenset())


def is_dataset(image: str, arguments: list[str]) -> bool:
    """Return whether a command extracts a dataset with ehrQL."""
    return image in {"ehrql", "databuilder"} and bool(arguments) and arguments[0] in _DATASET


def is_measures(image: str, arguments: list[str]) -> bool:
    """Return whether a command computes measures with ehrQL."""
    return image in {"ehrql", "databuilder"} and bool(arguments) and arguments[0] in _MEASURES


def is_cohort(image: str, arguments: list[str]) -> bool:
    """Return whether a command extracts a cohort with the extractor before ehrQL."""
    return image == "cohortextractor" and arguments[:1] == ["generate_cohort"]


def option_value(arguments: list[str], option: str) -> str | None:
    """Return the value of `--option X` or `--option=X`, None when it is absent."""
    for position, word in enumerate(arguments):
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
        if word == option and position + 1 < len(arguments):
            return arguments[position + 1]
    return None
