"""All checks on one file: the only judge of outputs, for the runner, the hatch and the publisher.

All three get the same findings for the same bytes. A finding of severity BLOCK stops the file in
each of them; one of severity WARN is for people and stops it in none (ADR 0017).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sallyport_common.outputs import KINDS, View, suffix_of
from sallyport_common.paths import UnsafePathError, relative_parts
from sallyport_disclosure import layout
from sallyport_disclosure.findings import Finding, Severity, Verdict
from sallyport_disclosure.kinds import KindError, text_of
from sallyport_disclosure.names import Forbidden
from sallyport_disclosure.policy import Policy
from sallyport_disclosure.tables import check_table

_KEY = re.compile(r'"([^"\\\n]{1,100})"\s*:')
_TABLE_SUFFIXES = {".txt", ".md"}
"""Types that are judged as tables where they are laid out as one."""


def check_file(name: str, data: bytes, policy: Policy) -> Verdict:
    """Return every finding on a file; an unusable one has a single finding that blocks."""
    try:
        relative_parts(name)
    except UnsafePathError as error:
        return _refused("BAD_NAME", str(error))
    if not name.isprintable() or '"' in name:
        # Release APIs send names in a header, where these would end or change it.
        return _refused("BAD_NAME", "a file name must not hold a quote or a control character")
    suffix = suffix_of(name)
    if not policy.allows_suffix(name):
        return _refused("TYPE_NOT_ALLOWED", f"files of type {suffix or '(none)'} are not released")
    if len(data) > policy.max_bytes:
        return _refused("TOO_LARGE", f"files above {policy.max_size} are not released")
    try:
        text = text_of(name, data, policy.max_bytes)
    except KindError as error:
        return _refused(error.code, str(error))
    return Verdict() if text is None else _check_text(suffix, KINDS[suffix].view, text, policy)


def _refused(code: str, message: str) -> Verdict:
    return Verdict((Finding(code, Severity.BLOCK, message),))


def _check_text(suffix: str, view: View, text: str, policy: Policy) -> Verdict:
    if view is View.TABLE or (suffix in _TABLE_SUFFIXES and layout.is_table(text)):
        return check_table(text, policy)
    return Verdict(tuple(_remarks(suffix, view, text, policy)))


def _remarks(suffix: str, view: View, text: str, policy: Policy) -> Iterator[Finding]:
    if suffix == ".log":
        yield Finding("LOG_REQUESTED", Severity.WARN, "logs are released exceptionally")
    if view is View.MARKUP:
        message = "the file can hold active or hidden content; it is shown as text only"
        yield Finding("ACTIVE_KIND", Severity.WARN, message)
    if suffix == ".json":
        forbidden = Forbidden(policy.forbidden_columns)
        for key in dict.fromkeys(_KEY.findall(text)):
            if forbidden.names(key):
                message = "files with patient identifiers are not released"
                yield Finding("PATIENT_ID_COLUMN", Severity.BLOCK, message, column=key)
                return
