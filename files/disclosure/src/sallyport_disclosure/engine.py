"""All checks on one file. The same engine serves hatch and publisher."""

from __future__ import annotations

from pathlib import PurePosixPath

from sallyport_common.paths import UnsafePathError, check_relative
from sallyport_disclosure.findings import Finding, Severity
from sallyport_disclosure.kinds import matches_suffix
from sallyport_disclosure.policy import Policy
from sallyport_disclosure.tables import check_table


def check_file(name: str, data: bytes, policy: Policy) -> list[Finding]:
    """Return every finding on a file; an unusable one has a single finding that blocks."""
    refusal = _refusal(name, data, policy)
    if refusal:
        return [refusal]
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".csv":
        return check_table(data, policy)
    if suffix == ".log":
        return [Finding("LOG_REQUESTED", Severity.WARN, "logs are released exceptionally")]
    if suffix in {".html", ".svg", ".svgz"}:
        message = "the file can hold active or hidden content; it is shown as text only"
        return [Finding("ACTIVE_KIND", Severity.WARN, message)]
    return []


def _refusal(name: str, data: bytes, policy: Policy) -> Finding | None:
    try:
        check_relative(name)
    except UnsafePathError as error:
        return Finding("BAD_NAME", Severity.BLOCK, str(error))
    if not policy.allows_suffix(name):
        return Finding("TYPE_NOT_ALLOWED", Severity.BLOCK, "this type of file is not released")
    if len(data) > policy.max_bytes:
        limit = policy.max_bytes // (1024 * 1024)
        return Finding("TOO_LARGE", Severity.BLOCK, f"files above {limit} MiB are not released")
    if not matches_suffix(name, data):
        return Finding("TYPE_MISMATCH", Severity.BLOCK, "the content is not what the suffix says")
    return None
