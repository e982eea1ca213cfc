"""The data builder's exit codes are a wire, of which the runner keeps a copy."""

from __future__ import annotations

import re

from repository import ROOT

from sallyport_data_builder.errors import ExitCode
from sallyport_runner.services.sentences import DATABASE_EXITS

# What the runner shows without a reason of its own: success, a bug, and its own kill.
WITHOUT_REASON = {ExitCode.OK, ExitCode.FAILED, ExitCode.INTERRUPTED}


def test_the_runner_has_a_reason_for_each_exit_code_of_the_data_builder() -> None:
    assert set(DATABASE_EXITS) == set(ExitCode) - WITHOUT_REASON


def test_host_scripts_know_an_unreachable_database_by_the_same_code() -> None:
    text = (ROOT / "roles/data_builder/files/container.py").read_text(encoding="utf-8")
    (number,) = re.findall(r"^UNREACHABLE, TIME_OUT = (\d+),", text, re.MULTILINE)
    assert int(number) == ExitCode.UNREACHABLE


def test_no_other_module_writes_an_exit_code_as_a_number() -> None:
    package = ROOT / "files/data_builder/src/sallyport_data_builder"
    literal = re.compile(
        r"^\s+(code|exit_code)(: int)? = \d|return [1-9]\d?, |\.code [=!]= \d", re.M
    )
    found = [
        str(path.relative_to(package))
        for path in sorted(package.rglob("*.py"))
        if literal.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
