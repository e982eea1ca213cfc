"""Settings are complete and sensible, or every fault is named at once."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from tests.unit.runner.made import environment

from sallyport_common.errors import SettingsError
from sallyport_common.settings import environment_names
from sallyport_runner.settings import PREFIX, Settings


def weights(actions: str, weight: float = 1) -> str:
    """Return one weight in the form of the environment."""
    return json.dumps([{"workspace": "w", "actions": actions, "weight": weight}])


def problems(given: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(given)
    return caught.value.problems


def test_good_settings_are_typed(tmp_path: Path) -> None:
    known = Settings.from_env(environment(tmp_path))
    assert known.allowed_github_orgs == ("demo-org", "other-org")
    assert known.allowed_branches == ("main", "release/*")
    assert known.image_digests == {"python:v2": "sha256:" + "a" * 64}
    assert known.images.names == ["ehrql", "python", "rstan"]
    assert str(known.action_organisation) == "github.com/demo-actions"
    assert known.volumes == tmp_path / "high/volumes"
    assert known.trusted_keys is None
    assert known.job_cpu_count == 2.5
    assert "hidden" not in repr(known)


def test_every_variable_is_asked_for(tmp_path: Path) -> None:
    optional = {
        f"RUNNER_{name}"
        for name in (
            "TRUSTED_KEYS",
            "ACTION_ORGANISATION",
            "STATA_LICENSE_FILE",
            "DATABASE_URL_FILE",
            "DATABASE_BACKEND_CLASS",
            "CONTAINER_RUNTIME",
            "MAINTENANCE_IMAGE",
        )
    }
    names = environment_names(Settings, PREFIX)
    assert len(names) == len(fields(Settings))
    assert set(problems({})) == {f"{name} is not set" for name in names - optional}
    assert set(environment(tmp_path)) | optional >= names


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BACKEND", "", "a slug has small letters, digits, '-' and '_' only"),
        ("BACKEND", "The Hospital", "a slug has small letters, digits, '-' and '_' only"),
        ("BACKEND", "../x", "a slug has small letters, digits, '-' and '_' only"),
        ("POLL_INTERVAL", "0", "expected a number above 0"),
        ("POLL_INTERVAL", "inf", "expected a number above 0"),
        ("POLL_INTERVAL", "nan", "expected a number above 0"),
        ("POLL_INTERVAL", "soon", "expected a number"),
        ("STATS_POLL_INTERVAL", "-1", "expected a number above 0"),
        ("JOB_WEIGHTS", "{}", "expected a JSON list of weights"),
        ("JOB_WEIGHTS", "[7]", "a weight has a workspace, actions and a weight"),
        ("JOB_WEIGHTS", weights("("), "( is not a regular expression"),
        ("JOB_WEIGHTS", weights("a", 0), "the weight of a must be a number above 0"),
        ("MAX_WORKERS_PER_WORKSPACE", "-1", "expected 0 or more"),
        ("LONG_POLL", "-1", "expected 0 or more"),
        ("LONG_POLL", "2.5", "expected a whole number"),
        ("MAX_WORKERS", "0", "expected a number above 0"),
        ("MAX_DB_WORKERS", "-2", "expected a number above 0"),
        ("DATABASE_BACKEND_CLASS", "a b", "expected the dotted path of a class"),
        ("DATABASE_BACKEND_CLASS", "a..B", "expected the dotted path of a class"),
        ("DATABASE_BACKEND_CLASS", "omop", "expected the dotted path of a class"),
        ("JOB_CPU_COUNT", "0", "expected a number above 0"),
        ("JOB_MEMORY_LIMIT", "0", "expected a number above 0"),
        ("JOB_MEMORY_LIMIT", "4G", "expected a whole number"),
        ("JOB_TIME_LIMIT", "0", "expected a number above 0"),
        ("JOB_PIDS_LIMIT", "0", "expected a number above 0"),
        ("JOB_TMP_SIZE", "0", "expected a number above 0"),
        ("JOB_DISK_LIMIT", "0", "expected a number above 0"),
        ("DISK_FREE_FLOOR", "-1", "expected 0 or more"),
        ("MAINTENANCE_POLL_INTERVAL", "0", "expected a number above 0"),
        ("MAINTENANCE_IMAGE", "databuilder",
         "expected an image with its tag, such as databuilder:v1"),
        ("OUTPUT_POLICY", "7", "expected a JSON object of forbidden_columns, max_bytes, max_rows, "
         "rounding_base, suffixes, threshold"),
        ("IMAGE_DIGESTS", "[]", "expected a JSON object of strings"),
        ("IMAGES", "{}", "expected a list of images"),
        ("IMAGES", '["R"]', "the image 'R' has a name that is not lower-case letters, digits, '.', "
         "'_' and '-'"),
        ("ACTION_ORGANISATION", "org", "expected a forge and an organisation, as github.com/org"),
        ("JOB_SERVER_ENDPOINT", "jobs.example.org", "expected an address that starts with https://"),
        ("JOB_SERVER_ENDPOINT", "file:///etc", "expected an address that starts with https://"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named(
    tmp_path: Path, name: str, value: str, problem: str
) -> None:
    given = environment(tmp_path)
    assert problems(given | {f"RUNNER_{name}": value}) == (f"RUNNER_{name}: {problem}",)
    assert Settings.from_env(given)


def test_a_probe_of_the_database_needs_a_database_and_a_command(tmp_path: Path) -> None:
    given = environment(tmp_path, RUNNER_MAINTENANCE_IMAGE="databuilder:v1")
    assert Settings.from_env(given).maintenance_image == "databuilder:v1"
    command = "RUNNER_MAINTENANCE_COMMAND"
    for wrong in ("sh -c 'echo", "  "):
        (problem,) = problems(given | {command: wrong})
        assert problem == f"{command}: expected words, with every quotation mark closed"
    (problem,) = problems(given | {"RUNNER_DATABASE_URL_FILE": ""})
    assert problem == "RUNNER_MAINTENANCE_IMAGE: without a database there is nothing to ask"


def test_several_values_are_named_at_once(tmp_path: Path) -> None:
    wrong = {"RUNNER_MAX_WORKERS": "0", "RUNNER_LONG_POLL": "-1", "RUNNER_BACKEND": "A B"}
    assert len(problems(environment(tmp_path) | wrong)) == 3


@pytest.mark.parametrize("content", ["", "change_me", "<token>", None])
def test_a_secret_is_a_real_one(tmp_path: Path, content: str | None) -> None:
    given = environment(tmp_path)
    path = Path(given["RUNNER_JOB_SERVER_TOKEN_FILE"])
    path.unlink() if content is None else path.write_text(content)
    (problem,) = problems(given)
    assert problem.startswith("RUNNER_JOB_SERVER_TOKEN_FILE: ")


@pytest.mark.parametrize(
    ("backend", "dummy"), [("test", True), ("expectations", True), ("hospital", False)]
)
def test_two_names_stand_for_dummy_data(tmp_path: Path, backend: str, dummy: bool) -> None:
    known = Settings.from_env(environment(tmp_path, RUNNER_BACKEND=backend))
    assert known.dummy_data == dummy


def test_keys_that_would_protect_nothing_are_refused(tmp_path: Path) -> None:
    """Tasks of the task API have no signature."""
    tasks, keys = {"RUNNER_JOB_SERVER": "task_api"}, {"RUNNER_TRUSTED_KEYS": "/etc/keys.pem"}
    for alone in (tasks, keys):
        assert Settings.from_env(environment(tmp_path, **alone))
    found = problems(environment(tmp_path, **tasks, **keys))
    assert [problem.partition(":")[0] for problem in found] == ["RUNNER_TRUSTED_KEYS"]
    assert "JOB_SERVER is task_api" in found[0]
    assert list(problems(environment(tmp_path, RUNNER_JOB_SERVER="rap"))) == [
        "RUNNER_JOB_SERVER: expected one of classic, task_api"
    ]
