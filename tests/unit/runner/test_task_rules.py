"""What tasks may do on this backend, and that no task stops another."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from tests.conformance import task_api
from tests.unit.runner.rig import Container
from tests.unit.runner.taskrig import IMAGE, REPO, TaskRunner, write

from sallyport_runner.models import Job, TaskTerms
from sallyport_runner.services.outputs.publish import tightened
from sallyport_runner.services.requests.tasks import fields
from sallyport_runner.services.requests.tasks.fields import MalformedTaskError
from sallyport_runner.services.requests.tasks.reader import RefusedTaskError, TaskReader

DATABASE: dict[str, Any] = {
    "image": "ghcr.io/opensafely-core/ehrql:v1",
    "args": ["generate-dataset", "d.py", "--output", "output/d.csv"],
    "output_spec": {"output/d.csv": "highly_sensitive"},
    "allow_database_access": True,
    "database_name": "default",
}
STUDY = {"git_repo_url": REPO, "commit": "0" * 40, "branch": "main"}
OTHER = "https://github.com/other-org/study"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "organisation": (
        {"repo_url": OTHER, "study": STUDY | {"git_repo_url": OTHER}, "commit": "0" * 40},
        "organisation",
    ),
    "organisation of an action": ({"repo_url": OTHER}, "organisation"),
    "branch": ({"study": STUDY | {"branch": "wild"}}, "branch 'wild' may not run"),
    "no branch": ({"study": STUDY | {"branch": ""}}, "'study' of the task"),
    "image": ({"image": "ghcr.io/opensafely-core/strange:v1"}, "uses the image 'strange:v1'"),
    "other version": ({"image": "x/r:v1"}, "another version of the image 'r:v1'"),
    "no digest": ({"image_sha": None}, "'image_sha' of the task"),
    "image without a tag": ({"image": "ghcr.io/opensafely-core/python"}, "'image' of the task"),
    "no database command": (
        {"allow_database_access": True, "database_name": "default"},
        "'act1' may not",
    ),
    "database": (DATABASE | {"database_name": "other"}, "database 'other' is not known"),
    "workspace of the database": (DATABASE | {"workspace": "secret"}, "workspace 'secret' may not"),
    "workspace": ({"workspace": "../etc"}, "workspace"),
    "variable": ({"env": {"LD_PRELOAD": "x"}}, "sets a variable"),
    "another backend": ({"env": {"OPENSAFELY_BACKEND": "tpp"}}, "another backend"),
    "pattern": ({"output_spec": {"../x.txt": "highly_sensitive"}}, "'output_spec' of the task"),
    "level": ({"output_spec": {"output/x.txt": "public"}}, "'output_spec' of the task"),
    "no output": ({"output_spec": {}}, "'output_spec' of the task"),
    "action": ({"action": "../../x"}, "'action' of the task"),
    "memory": ({"memory_limit": "much"}, "'memory_limit' of the task"),
    "little memory": ({"memory_limit": "1k"}, "'memory_limit' of the task"),
    "cpus": ({"cpu_count": 0}, "'cpu_count' of the task"),
    "created": ({"created_at": 2**40}, "'created_at' of the task"),
    "job": ({"id": "job0000000000099"}, "'id' of the task"),
    "inputs": ({"input_job_ids": ["../x"]}, "'input_job_ids' of the task"),
    "permissions": ({"env": {"EHRQL_PERMISSIONS": "{"}}, "'env' of the task"),
    "file types": ({"level4_file_types": ".csv"}, "'level4_file_types' of the task"),
}


@pytest.fixture(name="reader")
def _reader(tasked: TaskRunner) -> TaskReader:
    rules = {
        "allowed_branches": ("main",),
        "database_workspaces": ("ws",),
        "image_digests": {"r:v1": "sha256:" + "e" * 64},
    }
    known = vars(tasked.settings) | rules
    return TaskReader(type(tasked.settings)(**known))


def made(number: int = 1, **changed: Any) -> dict[str, Any]:
    """Return a task of this backend."""
    return task_api.run_task(number, "hospital", REPO, "0" * 40, IMAGE, **changed)


@pytest.mark.parametrize("case", REFUSED)
def test_the_rules_of_the_site_hold_for_tasks(reader: TaskReader, case: str) -> None:
    changed, sentence = REFUSED[case]
    assert reader.job(reader.read(made()))[1].id == "job0000000000001"
    assert reader.job(reader.read(made(1, **DATABASE)))[1].requires_db
    with pytest.raises(RefusedTaskError) as caught:
        reader.job(reader.read(made(1, **changed)))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", made()["definition"])
@pytest.mark.parametrize("value", ["gone", None, 7, True, "\ud800", [[]], {"a": 1}, float("nan")])
def test_a_definition_of_any_shape_is_read_or_refused(
    tasked: TaskRunner, name: str, value: Any
) -> None:
    row = made()
    if value == "gone":
        del row["definition"][name]
    else:
        row["definition"][name] = value
    tasked.controller.rows = [row, made(2)]
    tasked.controller.tasks |= {row["id"]: row}
    reader = TaskReader(tasked.settings)
    with contextlib.suppress(RefusedTaskError, UnicodeEncodeError):
        reader.job(reader.read(row))
    tasked.hear()
    assert {task.id for task in tasked.store.open_tasks()} == {row["id"], made(2)["id"]}


def test_malformed_tasks_stop_no_other(tasked: TaskRunner) -> None:
    tasked.executor.programs["act9"] = write
    sound = tasked.task(9)
    odd = made(3)
    del odd["definition"]["study"]
    tasked.controller.rows = [
        None, 1, [], {}, {"id": 7}, {"id": "../x"}, made(1) | {"type": "dance"}, odd,
        made(2) | {"backend": "other"}, made(4) | {"definition": []},
        {"id": "job0000000000005-001"},
    ]  # fmt: skip
    tasked.controller.tasks |= {row["id"]: row for row in (made(1), odd, made(2), made(4))}
    tasked.controller.tasks["job0000000000005-001"] = made(5) | {"type": "x"}
    # The controller knows the first as one of a type without stages.
    tasked.controller.tasks[made(1)["id"]] = made(1) | {"type": "dance"}
    tasked.work(3)
    assert (tasked.controller.end(sound) or {})["results"]["exit_code"] == "0"
    errors = {
        name: (tasked.controller.end(name) or {})["results"]["error"]["message"]
        for name in tasked.controller.updates
        if name != sound
    }
    assert errors == {
        "job0000000000001-001": "This backend does not know this type of task.",
        "job0000000000002-001": "The task is for another backend.",
        "job0000000000003-001": "This backend does not understand 'study' of the task.",
        "job0000000000004-001": "This backend does not understand 'definition' of the task.",
        "job0000000000005-001": "This backend does not understand 'type' of the task.",
    }
    before = copy.deepcopy(tasked.controller.updates)
    tasked.work(2)
    assert tasked.controller.updates == before


def test_another_study_for_a_known_request_is_refused(tasked: TaskRunner) -> None:
    tasked.executor.programs |= {"act1": write, "act2": write}
    first = tasked.task(1)
    second = tasked.task(2, study=STUDY | {"branch": "other"})
    tasked.work(2)
    assert (tasked.controller.end(first) or {})["results"]["error"] is None
    error = (tasked.controller.end(second) or {})["results"]["error"]
    assert error == {
        "type": "changed",
        "message": "An earlier task of this request had other code.",
    }


def test_limits_of_a_task_only_tighten(tasked: TaskRunner) -> None:
    tasked.task(1, cpu_count=0.5, memory_limit="512M")
    tasked.task(2, cpu_count=64, memory_limit="900G", rap_id="q" * 16)
    tasked.work()
    specs = {spec.labels["action"]: spec for spec in tasked.executor.started}
    assert (specs["act1"].cpus, specs["act1"].memory) == (0.5, 512 * 1024**2)
    assert (specs["act2"].cpus, specs["act2"].memory) == (2.0, 4 * 1024**3)
    policy = tasked.settings.output_policy
    job = Job(id="x", request_id="y", workspace="ws", action="a")
    assert tightened(policy, job) == policy
    wide = TaskTerms(max_rows=10**9, max_bytes=10**9, suffixes=[".exe", *policy.suffixes])
    assert tightened(policy, Job(**vars(job) | {"terms": wide})) == policy
    narrow = TaskTerms(max_rows=3, suffixes=[".csv"])
    tight = tightened(policy, Job(**vars(job) | {"terms": narrow}))
    assert (tight.max_rows, tight.suffixes, tight.max_bytes) == (3, (".csv",), policy.max_bytes)


def test_a_tightened_limit_withholds_a_file(tasked: TaskRunner) -> None:
    def rows(container: Container) -> int:
        return container.write("output/t.csv", "n\n" + "1\n" * 6)

    tasked.executor.programs |= {"act1": rows, "act2": rows}
    spec = {"output/t.csv": "moderately_sensitive"}
    tasks = [tasked.task(1, output_spec=spec), tasked.task(2, output_spec=spec)]
    tasks.append(tasked.task(3, output_spec=spec, level4_max_csv_rows=5))
    tasked.executor.programs["act3"] = rows
    tasked.work(3)
    withheld = [
        (tasked.controller.end(task) or {})["results"]["has_level4_excluded_files"]
        for task in tasks
    ]
    assert withheld == [False, False, True]


def test_variables_and_permissions_reach_the_jobs_that_may_have_them(tasked: TaskRunner) -> None:
    names = {"OPENSAFELY_BACKEND": "hospital", "EHRQL_PERMISSIONS": '["include_ndoo"]'}
    tasked.task(1, **DATABASE, env=names)
    tasked.task(2, env={"STATA_LICENSE": "hidden"})
    tasked.work()
    first, second = (spec.environment for spec in tasked.executor.started)
    assert first["EHRQL_PERMISSIONS"] == '["include_ndoo"]'
    assert "DATABASE_URL" in first
    assert second["STATA_LICENSE"] == "hidden"
    assert "DATABASE_URL" not in second


def test_a_reusable_action_runs_from_the_default_branch_of_its_repository(
    tasked: TaskRunner,
) -> None:
    study = tasked.study.head
    action = tasked.study.commit({"action.txt": "code of the action"})
    tasked.study.git("checkout", "-q", "-b", "aside")
    aside = tasked.study.commit({"aside.txt": "not on the branch"})
    tasked.study.git("checkout", "-q", "main")
    given = {"git_repo_url": REPO, "commit": study, "branch": "main"}
    tasked.executor.held = True
    tasked.task(1, study=given, commit=action)
    outside = tasked.task(2, study=given, commit=aside)
    tasked.work(2)
    container = tasked.executor.containers["os-job-job0000000000001"]
    assert container.read("action.txt") == "code of the action"
    error = (tasked.controller.end(outside) or {})["results"]["error"]
    assert error["type"] == "job_error"
    assert "not on the branch" in error["message"]


@pytest.mark.parametrize(
    ("text", "size"), [("4G", 4 * 1024**3), ("512m", 512 * 1024**2), ("8388608", 8388608)]
)
def test_sizes_are_read_as_engines_read_them(text: str, size: int) -> None:
    assert fields.size({"m": text}, "m") == size
    with pytest.raises(MalformedTaskError):
        fields.size({"m": f"{text}x"}, "m")


def test_what_a_study_has_is_learned_for_the_manifest(tasked: TaskRunner) -> None:
    tasked.executor.programs |= {"make": lambda c: c.write("output/raw.csv", "a\n")}
    spec = {"output/raw.csv": "highly_sensitive"}
    tasked.executor.programs["gone"] = write
    first = tasked.task(1, action="gone")
    tasked.work(2)
    tasked.task(2, action="make", output_spec=spec)
    tasked.work(2)
    assert tasked.controller.end(first)
    manifest = json.loads(tasked.medium("metadata/manifest.json").read_text())["outputs"]
    assert manifest["output/out.txt"]["out_of_date_action"]
    assert not manifest["output/raw.csv"]["out_of_date_action"]
