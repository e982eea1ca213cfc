"""What the present rules find in the files of a request, beside what its checkers were shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import MAX_CELLS, Finding
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.models import BadInputError, ReleaseRequest
from sallyport_release_hatch.storage.frozen import FrozenFiles

NOT_SHOWN = (
    "The rules for outputs have changed and find more than the checkers were shown."
    " Returned to its author and submitted again, the request shows all of it."
)


def present_findings(
    request: ReleaseRequest, frozen: FrozenFiles, policy: Policy
) -> dict[str, tuple[Finding, ...]]:
    """Return what is found in each file, by its id; raise BadInputError with all that blocks."""
    problems, present = [], {}
    for file in request.files:
        verdict = check_file(
            file.name, frozen.read(request.workspace, request.id, file.sha256), policy
        )
        problems += [f"{file.name}: {reason}" for reason in verdict.reasons]
        present[file.id] = verdict.findings
    if problems:
        raise BadInputError(problems)
    return present


def check_again(request: ReleaseRequest, frozen: FrozenFiles, policy: Policy) -> None:
    """Raise BadInputError if something is found now that the checkers were not shown."""
    present = present_findings(request, frozen, policy)
    names = [
        file.name for file in request.files if _places(present[file.id]) - _places(file.findings)
    ]
    if names:
        raise BadInputError(f"{name}: {NOT_SHOWN}" for name in names)


def _places(findings: Iterable[Finding]) -> set[tuple[object, ...]]:
    """Return what was found where; of a finding in more cells than it names, its words as well."""
    return {
        (finding.code, finding.column, place)
        for finding in findings
        for place in (
            *(finding.cells or (finding.row,)),
            finding.message if len(finding.cells) >= MAX_CELLS else None,
        )
    }


def codes(present: Mapping[str, Iterable[Finding]]) -> dict[str, list[str]]:
    """Return the codes of what was found, by the same keys."""
    return {key: sorted({finding.code for finding in found}) for key, found in present.items()}
