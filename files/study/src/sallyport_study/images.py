"""What a `run` string asks for: image, tag, and whether it queries the database."""

from __future__ import annotations

import re
import shlex

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
_TAG = re.compile(r"(v[\d.]+(-pre)?)|dev|latest")


def split_run(run: str) -> list[str]:
    """Return the words of a `run` string by shell rules; raise ValueError for open quotes."""
    return shlex.split(run)


def is_tag(text: str) -> bool:
    """Tell whether a text is a tag that project.yaml may name."""
    return _TAG.fullmatch(text) is not None


def queries_database(image: str, arguments: list[str]) -> bool:
    """Tell whether a command may be given access to the database."""
    if image == "sqlrunner":
        return True
    return bool(arguments) and arguments[0] in DATABASE_COMMANDS.get(image, frozenset())


def is_dataset(image: str, arguments: list[str]) -> bool:
    """Tell whether a command extracts a dataset with ehrQL."""
    return image in {"ehrql", "databuilder"} and bool(arguments) and arguments[0] in _DATASET


def is_measures(image: str, arguments: list[str]) -> bool:
    """Tell whether a command computes measures with ehrQL."""
    return image in {"ehrql", "databuilder"} and bool(arguments) and arguments[0] in _MEASURES


def option_value(arguments: list[str], option: str) -> str | None:
    """Return the value of `--option X` or `--option=X`, None when it is absent."""
    for position, word in enumerate(arguments):
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
        if word == option and position + 1 < len(arguments):
            return arguments[position + 1]
    return None
