"""A backend runs reusable actions: their own code, on the study's inputs."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.action_repository import ActionRepository, make_action
from tests.unit.runner.rig import PROJECT, RECORD_KEYS, Container, Runner

from sallyport_common.protocol import ERROR_ACTION, StatusCode
from sallyport_records import dsse, keys, runs
from sallyport_runner.models import Reason
from sallyport_runner.services.requests.outgoing import job_row
from sallyport_study.catalogue import DEFAULT, Catalogue, ImageEntry
from sallyport_study.reusable import Home

USING = (
    PROJECT
    + """
  fit:
    run: cox:v1 --input output/raw.csv
    needs: [make]
    config: {model: linear}
    outputs: {moderately_sensitive: {fit: output/fit.csv}}
"""
)


def fit(container: Container) -> int:
    """Write what the action `fit` declares, with the code and the input that it sees."""
    assert container.read("output/raw.csv")
    names = sorted(path.name for path in container.folder("/workspace").iterdir())
    return container.write("output/fit.csv", "\n".join(["name", *names]) + "\n")


@pytest.fixture
def cox(runner: Runner) -> ActionRepository:
    """Give a reusable action, on a backend whose site has an organisation for them."""
    use(runner)
    runner.executor.programs["fit"] = fit
    return make_action(runner.base / "forge/demo-actions")


@pytest.fixture
def sha(runner: Runner) -> str:
    """Return the commit of a study that uses it."""
    return runner.study.commit({"project.yaml": USING})


def use(runner: Runner, organisation: str = "demo-actions", **values: Any) -> None:
    """Change the organisation of reusable actions, and other settings."""
    home = Home("github.com", organisation) if organisation else None
    runner.settings = replace(runner.settings, action_organisation=home, **values)
    runner.restart()


def commit(runner: Runner, *words: str) -> str:
    """Commit a study whose `run` is changed; `words` are pairs of old and new."""
    text = USING
    for old, new in zip(words[::2], words[1::2], strict=True):
        text = text.replace(old, new)
    return runner.study.commit({"project.yaml": text})


def problem(runner: Runner, sha: str, identifier: str = "z") -> str:
    """Return why a request for `fit` cannot be run."""
    request = runner.request(identifier, sha, "fit")
    runner.passes(1)
    job = runner.job(ERROR_ACTION, request)
    assert job.code is StatusCode.INVALID_REQUEST
    return job.problem


def test_the_code_is_the_actions_and_the_inputs_are_the_studys(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    request = runner.request("a", sha, "fit")
    runner.passes(8)
    job = runner.job("fit", request)
    assert job.code is StatusCode.SUCCEEDED, job
    text = runner.high("output/fit.csv").read_text()
    assert text.splitlines()[1:] == ["action.yaml", "main.py", "output"]
    assert runner.high("output/raw.csv").exists()
    words = ["python:v2", "python", "main.py", "--fit", "--input", "output/raw.csv"]
    words += ["--config", '{"model": "linear"}']
    assert job.words == words
    assert shlex.split(job_row(job)["run_command"]) == words
    spec = next(s for s in runner.executor.started if s.labels["action"] == "fit")
    assert spec.command == words[1:]
    assert spec.network is None
    metadata = json.loads((runner.record(job) / "metadata.json").read_text())
    revision = cox.git("rev-parse", "v1^{commit}")
    assert (metadata["repo"], metadata["commit"]) == (request.repo, sha)
    assert metadata["action_repo"] == "https://github.com/demo-actions/cox"
    assert (metadata["action_tag"], metadata["action_commit"]) == ("v1", revision)
    log = (runner.record(job) / "logs.txt").read_text()
    assert f"action_commit: {revision}\n" in log
    own = json.loads((runner.record(runner.job("make")) / "metadata.json").read_text())
    assert own["action_repo"] == own["action_commit"] == ""


def test_the_run_record_names_both_repositories(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    request = runner.request("a", sha, "fit")
    runner.passes(8)
    public = [keys.load_public(RECORD_KEYS[1])]
    raw = (runner.record(runner.job("fit", request)) / "run_record.json").read_bytes()
    record = runs.verify(raw, public)
    assert (record.repo, record.commit) == (request.repo, sha)
    assert record.reused == runs.Reused(
        repo="https://github.com/demo-actions/cox",
        tag="v1",
        commit=cox.git("rev-parse", "v1^{commit}"),
    )
    statement = json.loads(dsse.verify(json.loads(raw), runs.PAYLOAD_TYPE, public))
    definition = statement["predicate"]["buildDefinition"]
    code, _image, action, _input = definition["resolvedDependencies"]
    assert code["uri"] == f"git+{request.repo}@refs/heads/main"
    assert action["uri"] == "git+https://github.com/demo-actions/cox@refs/tags/v1"
    own = runs.verify((runner.record(runner.job("make")) / "run_record.json").read_bytes(), public)
    assert own.reused is None


def test_the_commit_is_that_of_the_admission(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    runner.executor.held = True
    runner.request("a", sha, "fit")
    runner.passes(2)
    before = cox.git("rev-parse", "v1^{commit}")
    (cox.path / "later.py").write_text("")
    cox.commit("run: python:v2 python later.py\n")
    cox.git("tag", "--force", "v1")
    runner.restart()
    runner.executor.held = False
    runner.executor.go_on(runner.job("make").container)
    runner.passes(8)
    assert runner.job("fit").origin["commit"] == before
    assert "later.py" not in runner.high("output/fit.csv").read_text()
    again = runner.request("b", sha, "fit")
    runner.passes(8)
    assert runner.job("fit", again).words[2] == "later.py"
    assert "later.py" in runner.high("output/fit.csv").read_text()


def test_without_an_organisation_the_name_is_an_unknown_image(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    use(runner, "")
    assert "uses the image 'cox:v1', which this backend does not have" in problem(runner, sha)
    use(runner)
    runner.request("b", sha, "fit")
    runner.passes(1)
    assert runner.job("fit").origin["commit"] == cox.git("rev-parse", "v1^{commit}")


@pytest.mark.parametrize(
    ("run", "part"),
    [
        ("ehrql:v1 generate-dataset d.py", "line 1, column 6: 'run' queries the database"),
        ("evil:v1 x", "line 1, column 6: 'run' uses 'evil:v1', which is not an image"),
    ],
)
def test_an_action_smuggles_neither_a_database_command_nor_an_image(
    runner: Runner, cox: ActionRepository, run: str, part: str
) -> None:
    cox.commit(f"run: {run}\n", "v3")
    assert part in problem(runner, commit(runner, "cox:v1", "cox:v3"))
    cox.commit("run: python:v2 x\n", "v4")  # the control: another image and command
    good = runner.request("b", commit(runner, "cox:v1", "cox:v4"), "fit")
    runner.passes(1)
    assert runner.job("fit", good).words[:2] == ["python:v2", "x"]


def test_study_and_action_together_reach_no_database(runner: Runner, cox: ActionRepository) -> None:
    cox.commit("run: ehrql:v1\n", "v3")
    own = "cox:v1 --input output/raw.csv"
    sentence = problem(runner, commit(runner, own, "cox:v3 generate-dataset d.py"))
    assert "would run 'ehrql:v1 generate-dataset' and so query the database" in sentence
    good = runner.request("b", commit(runner, own, "cox:v3 test-connection"), "fit")
    runner.passes(1)
    assert not runner.job("fit", good).requires_db


def test_a_tag_beside_the_branch_is_refused(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    cox.aside("v9")
    aside = commit(runner, "cox:v1", "cox:v9")
    sentence = problem(runner, aside)
    assert sentence.startswith("The action 'fit' uses 'cox:v9', but the commit of this tag is not")
    for name, part in (("cox:v8", "no such tag"), ("none:v1", "nor a reusable action in")):
        assert part in problem(runner, commit(runner, "cox:v1", name), name[:2])
    use(runner, action_branch="trunk")
    assert "has no branch 'trunk'" in problem(runner, sha, "t")
    cox.git("branch", "trunk", "v9")
    good = runner.request("b", aside, "fit")
    runner.passes(1)
    assert runner.job("fit", good).origin["tag"] == "v9"


def test_a_site_that_turns_them_off_runs_none_that_waits(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    runner.executor.held = True
    runner.request("a", sha, "fit")
    runner.passes(2)
    use(runner, "other-actions")
    runner.executor.held = False
    runner.executor.go_on(runner.job("make").container)
    runner.passes(6)
    job = runner.job("fit")
    assert job.reason is Reason.NO_CODE
    assert job.problem == "This backend no longer runs this reusable action."
    use(runner)
    again = runner.request("b", sha, "fit")
    runner.passes(8)
    assert runner.job("fit", again).code is StatusCode.SUCCEEDED
    assert cox.path.exists()


def test_files_of_both_repositories_are_kept_once(
    runner: Runner, cox: ActionRepository, sha: str
) -> None:
    runner.request("a", sha, "fit")
    runner.passes(8)
    folder = runner.base / "work/code"
    revision = cox.git("rev-parse", "v1^{commit}")
    kept = {f"demo-org--study/{sha}", f"demo-actions--cox/{revision}"}
    assert {str(path.relative_to(folder)) for path in folder.glob("*/*")} == kept
    (folder / f"demo-actions--cox/{revision}/main.py").write_text("kept\n")  # and used again
    runner.executor.programs["fit"] = lambda one: one.write("output/fit.csv", one.read("main.py"))
    runner.request("b", sha, "fit")
    runner.passes(8)
    assert runner.high("output/fit.csv").read_text() == "kept\n"


def test_images_of_the_site_run_under_their_names(runner: Runner) -> None:
    rstan = ImageEntry(name="rstan", repository="quay.io/x/r", tags=("v1",), command=("Rscript",))
    sql = ImageEntry(name="sql", database=True)
    use(runner, "", images=Catalogue.of([*DEFAULT.entries.values(), rstan, sql]))
    runner.executor.registry |= {"rstan:v1", "sql:v1"}
    words = ("python:v2 table.py", "rstan:v1 a.R", "ehrql:v1", "sql:v1")
    runner.request("a", commit(runner, *words), "table", "extract")
    runner.passes(8)
    specs = {spec.labels["action"]: spec for spec in runner.executor.started}
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert (specs["table"].entrypoint, specs["table"].command) == (["Rscript"], ["a.R"])
    assert specs["make"].entrypoint == []
    assert runner.job("extract").requires_db
    assert specs["extract"].network == "jobrunner-db"
    runner.request("b", commit(runner, "python:v2 table.py", "rstan:v2 a.R"), "table")
    runner.passes(1)
    assert "allows other tags only: v1." in runner.job(ERROR_ACTION).problem
