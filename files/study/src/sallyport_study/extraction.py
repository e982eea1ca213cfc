"""Rules for actions that extract data: what they may declare as outputs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import images
from sallyport_study.actions import Draft
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut

_DASH = re.compile("[\u2010-\u2015\u2212]-?output")
Add = Callable[[Part, str], None]


def check(draft: Draft, version: float | None, report: Report) -> None:
    """Report what an action that extracts data declares wrongly.

    What follows from another fault is left out: of a `run` that cannot be read nothing is known.
    """
    if not draft.words:
        return
    image, arguments = draft.words[0].partition(":")[0], draft.words[1:]
    if images.is_dataset(image, arguments):
        _dataset(draft, report)
    elif images.is_measures(image, arguments):
        strict = version is None or version >= 5
        levels = [PrivacyLevel.HIGH, PrivacyLevel.MODERATE]
        _output_option(draft, levels, report.problem if strict else report.warn)
    elif images.is_cohort(image, arguments) and (version is None or version < 4):
        _cohort(draft, report)


def _dataset(draft: Draft, report: Report) -> None:
    wrong = [output for output in draft.outputs if output.level is not PrivacyLevel.HIGH]
    if wrong:
        report.problem(
            wrong[0].part,
            f"The action '{cut(draft.name)}' extracts patient data, so all its outputs must be "
            f"'{PrivacyLevel.HIGH}', not '{wrong[0].level}'.",
        )
    _output_option(draft, list(PrivacyLevel) if wrong else [PrivacyLevel.HIGH], report.problem)


def _output_option(draft: Draft, levels: list[PrivacyLevel], add: Add) -> None:
    place = draft.run or draft.part
    declared = [output.pattern for output in draft.outputs if output.level in levels]
    output = images.option_value(draft.words[1:], "--output")
    if not output:
        if dash := _DASH.search(place.written):
            text = f"'{dash[0]}' begins with a typographic dash; type '--output' instead"
            add(place, f"In the 'run' of the action '{cut(draft.name)}', {text}.")
            return
        example = declared[0] if declared else "output/dataset.csv.gz"
        add(
            place,
            f"The 'run' of the action '{cut(draft.name)}' needs the option '--output' with one of "
            f"its outputs, as in '--output {cut(example)}'.",
        )
        return
    if ":" in output:
        folder, _colon, extension = output.rpartition(":")
        wanted = f"{folder.rstrip('/')}/*.{extension}"
        fits = bool(declared) and all(_fits(pattern, folder, extension) for pattern in declared)
    else:
        wanted = output
        fits = output in declared
    if not fits and declared and all(one.sound for one in draft.outputs):
        add(
            place,
            f"The action '{cut(draft.name)}' writes '--output {cut(output)}', so its outputs must "
            f"declare '{cut(wanted)}'.",
        )


def _fits(pattern: str, folder: str, extension: str) -> bool:
    head, tail = posixpath.split(pattern)
    return head == folder.rstrip("/") and tail.endswith(f".{extension}")


def _cohort(draft: Draft, report: Report) -> None:
    place = draft.outputs_part or draft.part
    if len({output.level for output in draft.outputs}) > 1:
        report.problem(
            place,
            f"The outputs of the action '{cut(draft.name)}' must all be of one level, because it "
            f"extracts patient data.",
        )
    folders = {posixpath.dirname(output.pattern) for output in draft.outputs}
    if len(folders) > 1 and images.option_value(draft.words[1:], "--output-dir") is None:
        report.problem(
            place,
            f"The action '{cut(draft.name)}' must write all outputs into one folder, or name it "
            f"with '--output-dir'.",
        )
