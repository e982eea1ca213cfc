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
        problems = _output_option(action, [PrivacyLevel.HIGH, PrivacyLevel.MODERATE])
        return (problems, []) if version >= 5 else ([], problems)
    if image == "cohortextractor" and arguments[:1] == ["generate_cohort"]:
        return _cohort(action), []
    return [], []


def _dataset(action: Action) -> list[str]:
    problems = []
    if set(action.outputs) != {PrivacyLevel.HIGH}:
        problems.append(
            f"The action '{action.name}' extracts patient data: its outputs must all be "
            f"'{PrivacyLevel.HIGH}'."
        )
    return problems + _output_option(action, [PrivacyLevel.HIGH])


def _output_option(action: Action, levels: list[PrivacyLevel]) -> list[str]:
    output = images.option_value(action.arguments, "--output")
    if not output:
        return [f"The action '{action.name}' needs '--output' with one of its declared outputs."]
    declared = [p for level in levels for p in action.outputs.get(level, {}).values()]
    if ":" in output:
        folder, _colon, extension = output.rpartition(":")
        wanted = f"{folder.rstrip('/')}/*.{extension}"
        fits = bool(declared) and all(_fits(pattern, folder, extension) for pattern in declared)
    else:
        wanted = output
        fits = output in declared
    if fits:
        return []
    return [
        f"The action '{action.name}' writes '--output {output}', so its outputs must declare "
        f"'{wanted}'."
    ]


def _fits(pattern: str, folder: str, extension: str) -> bool:
    head, tail = posixpath.split(pattern)
    return head == folder.rstrip("/") and tail.endswith(f".{extension}")


def _cohort(action: Action) -> list[str]:
    problems = []
    if len(action.outputs) != 1:
        problems.append(f"The action '{action.name}' must declare outputs of exactly one level.")
    folders = {posixpath.dirname(pattern) for pattern in action.patterns}
    if len(folders) > 1 and images.option_value(action.arguments, "--output-dir") is None:
        problems.append(
            f"The action '{action.name}' must write all outputs into one folder, or name it with "
            f"'--output-dir'."
        )
    return problems
