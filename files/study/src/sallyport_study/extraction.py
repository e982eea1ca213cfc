"""Rules for actions that extract data: what they may declare as outputs."""

from __future__ import annotations

import posixpath

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import images
from sallyport_study.project import Action


def check(action: Action, version: float) -> tuple[list[str], list[str]]:
    """Return the problems and the warnings of an action."""
    image, arguments = action.image, action.arguments
    if images.is_dataset(image, arguments):
        return _dataset(action), []
    if images.is_measures(image, arguments):
        found = _output_option(action, [PrivacyLevel.HIGH, PrivacyLevel.MODERATE])
        return (found, []) if version >= 5 else ([], found)
    if image == "cohortextractor" and arguments[:1] == ["generate_cohort"]:
        return _cohort(action), []
    return [], []


def _dataset(action: Action) -> list[str]:
    found = []
    if set(action.outputs) != {PrivacyLevel.HIGH}:
        found.append(
            f"The action '{action.name}' extracts patient data: its outputs must all be "
            f"'{PrivacyLevel.HIGH}'."
        )
    return found + _output_option(action, [PrivacyLevel.HIGH])


def _output_option(action: Action, levels: list[PrivacyLevel]) -> list[str]:
    given = images.option_value(action.arguments, "--output")
    if not given:
        return [f"The action '{action.name}' needs '--output' with one of its declared outputs."]
    declared = [p for level in levels for p in action.outputs.get(level, {}).values()]
    if ":" in given:
        folder, _colon, extension = given.rpartition(":")
        wanted = f"{folder.rstrip('/')}/*.{extension}"
        fits = bool(declared) and all(_fits(pattern, folder, extension) for pattern in declared)
    else:
        wanted = given
        fits = given in declared
    if fits:
        return []
    return [
        f"The action '{action.name}' writes '--output {given}', so its outputs must declare "
        f"'{wanted}'."
    ]


def _fits(pattern: str, folder: str, extension: str) -> bool:
    head, tail = posixpath.split(pattern)
    return head == folder.rstrip("/") and tail.endswith(f".{extension}")


def _cohort(action: Action) -> list[str]:
    found = []
    if len(action.outputs) != 1:
        found.append(f"The action '{action.name}' must declare outputs of exactly one level.")
    folders = {posixpath.dirname(pattern) for pattern in action.patterns}
    if len(folders) > 1 and images.option_value(action.arguments, "--output-dir") is None:
        found.append(
            f"The action '{action.name}' must write all outputs into one folder, or name it with "
            f"'--output-dir'."
        )
    return found
