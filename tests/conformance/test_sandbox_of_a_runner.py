"""What the sandbox of a job endures, with the real daemon and the real engine."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any

import pytest
from tests.conformance.codes.claims import LONG, PROGRAMS
from tests.conformance.codes.evidence import Story
from tests.conformance.codes.seen import CLAIMS, Seen

TAKEN = {
    "plain.txt": b"plain\n",
    "setuid.txt": b"setuid\n",
    "closed.txt": b"closed\n",
    "naïve é.txt": b"name\n",
    LONG: b"name\n",
}
"""Outputs that are in the high tree as the job wrote them."""
NOT_TAKEN = ("link.txt", "secret.txt", "code.txt", "twice.txt", "again.txt", "pipe.txt")
SPARSE = 4 * 1024**2


def metadata(told: Story, case: str) -> dict[str, Any]:
    """Return the record of a job."""
    job = told.found[case].job
    (name,) = (name for name in told.files if name.endswith(f"os-job-{job}/metadata.json"))
    return dict(json.loads(told.files[name].data))


def around(told: Story, name: str) -> str:
    """Return what the job saw that looked around."""
    return told.files[f"high/workspaces/sandbox/output/around/{name}.txt"].data.decode()


@pytest.mark.parametrize("name", TAKEN)
def test_files_of_any_name_and_mode_are_taken(told: Story, name: str) -> None:
    found = told.files[f"high/workspaces/sandbox/output/odd/{name}"]
    assert found.data == TAKEN[name]
    assert not found.mode & (stat.S_ISUID | stat.S_ISGID | 0o111 | stat.S_IWOTH)
    assert found.owner == os.getuid()
    assert f"output/odd/{name}" in metadata(told, "odd")["outputs"]


def test_a_file_with_holes_is_as_long_as_it_says(told: Story) -> None:
    assert told.files["high/workspaces/sandbox/output/odd/sparse.txt"].data == bytes(SPARSE)


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_links_and_pipes_are_not_taken_and_the_log_says_so(told: Story, name: str) -> None:
    for tree in ("high", "medium"):
        assert f"{tree}/workspaces/sandbox/output/odd/{name}" not in told.files
    record = metadata(told, "odd")
    assert f"output/odd/{name}" not in record["outputs"]
    assert f"output/odd/{name}" in record["hint"]
    assert "write a copy in place of" in record["hint"]
    assert "output/odd/plain.txt" not in record["hint"]


def test_a_folder_that_matches_is_no_output(told: Story) -> None:
    assert not any("folder.txt" in name for name in told.files)


def test_what_cannot_be_shown_is_withheld_with_advice(told: Story) -> None:
    withheld = metadata(told, "odd")["level4_excluded_files"]
    assert "change it" in withheld["output/odd/new<U+000A>line.txt"]
    assert "more than 251 bytes" in withheld[f"output/odd/{LONG}"]
    assert not any("\n" in name for name in told.files)
    assert f"medium/workspaces/sandbox/output/odd/{LONG}" not in told.files
    assert "medium/workspaces/sandbox/output/odd/plain.txt" in told.files


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_job_finds_around_itself(told: Story, claim: str) -> None:
    assert CLAIMS[claim](Seen(lambda name: around(told, name)))


def test_a_job_that_spoils_its_inputs_spoils_nothing_else(told: Story) -> None:
    assert told.files["high/workspaces/sandbox/output/spoil.txt"].data == b"done\n"
    assert told.files["high/workspaces/sandbox/output/first.txt"].data == b"1\n"
    assert told.files["medium/workspaces/sandbox/output/first.txt"].data == b"1\n"


def test_a_job_that_changes_its_code_changes_that_of_no_other(told: Story) -> None:
    """The job `code` began when `spoil` had ended."""
    assert told.files["high/workspaces/sandbox/output/code.txt"].data.decode() == PROGRAMS["odd"]


def test_an_image_is_run_by_the_digest_of_its_content(told: Story) -> None:
    record = metadata(told, "around")
    assert re.search(r"@sha256:[0-9a-f]{64}$", record["image"])
    assert record["container_metadata"]["Config"]["Image"] == record["image"]
