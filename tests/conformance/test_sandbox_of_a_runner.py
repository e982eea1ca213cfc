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
TEMPORARY = "/" + "tmp"


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


def test_the_environment_is_what_is_promised(told: Story) -> None:
    lines = around(told, "environment").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    of_shell_and_image = {"PATH", "PWD", "OLDPWD", "SHLVL", "HOSTNAME"}
    assert {name: value for name, value in found.items() if name not in of_shell_and_image} == {
        "HOME": TEMPORARY,
        "USER": "sallyport-job",
        "LOGNAME": "sallyport-job",
        "OMP_NUM_THREADS": "1",
        "OPENSAFELY_BACKEND": "codes",
    }


def test_a_job_knows_no_neighbour(told: Story) -> None:
    hosts = {line.split()[1] for line in around(told, "hosts").splitlines() if line.strip()}
    assert "localhost" in hosts
    assert not {name for name in hosts if not re.fullmatch(r"localhost|ip6-\w+", name)}
    assert re.fullmatch(r"[0-9a-f]{12}", around(told, "hostname").strip())


def test_an_init_is_first_and_leaves_no_dead_process(told: Story) -> None:
    assert "docker-init" in around(told, "first")
    states = around(told, "processes")
    assert "sleeping" in states
    assert "zombie" not in states


def test_the_root_is_read_only_and_the_rest_is_small(told: Story) -> None:
    mounts = {
        line.split()[4]: line.split()[5].split(",") for line in around(told, "mounts").splitlines()
    }
    assert "ro" in mounts["/"]
    assert "rw" in mounts["/workspace"]
    assert {"rw", "nosuid", "nodev"} <= set(mounts[TEMPORARY])
    assert not any("docker.sock" in target for target in mounts)


def test_files_of_a_job_belong_to_its_account(told: Story) -> None:
    assert around(told, "umask").strip() == "0022"
    lines = around(told, "workspace").splitlines()[1:]
    assert {tuple(line.split()[2:4]) for line in lines if not line.endswith(" ..")} == {
        ("10000", "10000")
    }


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
