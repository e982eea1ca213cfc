"""Reusable actions and images of a site on a researcher's machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.action_repository import ActionRepository, make_action
from tests.unit.runner.local.machine import REGISTRY, Study, shell, statuses

from sallyport_client import cli
from sallyport_common.errors import SallyportError

RUN = "run: python:v2 sh main.sh\n"
MAIN = 'cat own.txt output/a.txt >output/b.txt; echo "$@" >>output/b.txt\n'
DOCKER = pytest.mark.live
SITE = "action_organisation: code.invalid/actions\naction_folder: ../actions\n"


@pytest.fixture
def join(study: Study) -> ActionRepository:
    """Give the reusable action `join`, cloned beside the study, and a file that says so."""
    made = make_action(study.root.parent / "actions", "join")
    (made.path / "main.sh").write_text(MAIN)
    (made.path / "own.txt").write_text("code of the action\n")
    made.commit(RUN, "v3")
    (study.root / "site.yaml").write_text(SITE)
    (study.root / "own.txt").write_text("code of the study\n")
    return made


def write(study: Study, run: str = "join:v3 1 2", registry: str = "") -> None:
    """Write a study with an action of its own and a reusable one that needs it."""
    reusable = shell("", "a", b="output/b.txt") | {"run": run, "config": {"n": 3}}
    study.write(
        {"a": shell("mkdir output; echo input >output/a.txt", a="output/a.txt"), "b": reusable}
    )
    if registry:
        entry = "{name: python, repository: " + registry + "/python, tags: [v2]}"
        (study.root / "site.yaml").write_text(f"{SITE}images: [{entry}]\n")


@DOCKER
def test_the_code_is_the_actions_and_the_inputs_are_the_studys(
    study: Study, join: ActionRepository, image: str
) -> None:
    assert image
    write(study)
    done = study.run("--site", "site.yaml")
    assert statuses(done) == {"a": "succeeded", "b": "succeeded"}, done
    text = (study.root / "output/b.txt").read_text()
    assert text == 'code of the action\ninput\n1 2 --config {"n": 3}\n'
    assert statuses(study.run("--site", "site.yaml")) == {"a": "unchanged", "b": "unchanged"}
    (study.root / "own.txt").write_text("changed\n")
    again = study.run("--site", "site.yaml", "b")
    assert statuses(again) == {"a": "succeeded", "b": "succeeded"}
    assert sorted(path.name for path in (study.root / ".sallyport").iterdir()) == [
        ".gitignore", "actions", "lock", "medium", "results.json",
    ]  # fmt: skip
    (join.path / "own.txt").write_text("newer\n")
    join.commit(RUN, "v4")
    write(study, "join:v4 1 2")
    assert statuses(study.run("--site", "site.yaml"))["b"] == "succeeded"
    assert (study.root / "output/b.txt").read_text().startswith("newer\n")
    metadata = (study.root / "metadata/b.log").read_text()
    assert "action_repo: https://code.invalid/actions/join\n" in metadata


@DOCKER
def test_an_image_of_the_site_is_pulled_from_its_own_registry(
    study: Study, join: ActionRepository, image: str
) -> None:
    assert join.path.exists()
    write(study, registry=REGISTRY)
    environment = {"SALLYPORT_REGISTRY": "other.invalid/none", "SALLYPORT_SITE": "site.yaml"}
    done = study.type("run-local", **environment)
    assert done.returncode == 0, done.stderr
    assert image.startswith(REGISTRY)
    without = study.type("run-local", "--only", "a", **environment | {"SALLYPORT_SITE": ""})
    assert "The image other.invalid/none/python:v2 is not on this machine" in without.stderr
    write(study, "python:v1 x", registry=REGISTRY)
    refused = study.type("run-local", **environment)
    assert refused.returncode == 2
    assert "which this backend allows other tags only: v2." in refused.stderr.replace("of ", "")


@pytest.mark.parametrize("command", ["check-project", "run-local"])
@pytest.mark.parametrize(
    ("run", "part"),
    [
        ("join:v9 x", "but the reusable action 'join' has no such tag"),
        ("jion:v3 x", "nor a reusable action in code.invalid/actions"),
        ("join:v8 x", "but the commit of this tag is not on the branch 'main'"),
        ("join:v7 x", "line 1, column 6: 'run' queries the database"),
    ],
)
def test_a_fault_is_told_in_the_words_of_a_backend(
    study: Study,
    join: ActionRepository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    run: str,
    part: str,
) -> None:
    monkeypatch.chdir(study.root)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{study.root}/none.sock")
    join.commit("run: sqlrunner:v1 q.sql\n", "v7")
    join.aside("v8")
    write(study, run)
    assert cli.main([command, "--site", "site.yaml"]) == 2
    assert part in capsys.readouterr().err
    write(study)
    assert cli.main(["check-project", "--site", "site.yaml"]) == 0


def test_without_a_site_only_words_are_checked(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(study.root)
    write(study, "pyhton:v3 x")
    assert cli.main(["check-project"]) == 0
    shown = capsys.readouterr().out
    assert "It can still be the name of a reusable action." in shown
    text = "'pyhton:v3' could not be checked; describe your site with --site to do so."
    assert f"warning: {text}\n" in shown
    assert cli.main(["run-local"]) == 2
    assert "did you mean 'python'?" in capsys.readouterr().err


@DOCKER
def test_offline_the_copy_of_an_earlier_run_is_used(
    study: Study,
    join: ActionRepository,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert image
    write(study)
    address = f"file://{join.path.parent}/"
    forge = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{address}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://code.invalid/actions/",
        "SALLYPORT_ACTION_ORGANISATION": "code.invalid/actions",
    }
    offline = forge | {"GIT_CONFIG_COUNT": "0"}
    refused = study.type("run-local", **offline)
    assert refused.returncode == 1
    assert "The reusable action https://code.invalid/actions/join could not be read." in (
        refused.stderr
    )
    assert "name a folder with clones of the actions you use: --action-folder" in refused.stderr
    assert study.type("run-local", **forge).returncode == 0
    again = study.type("run-local", "b", "--only", **offline)
    assert again.returncode == 0, again.stderr
    assert "cannot be reached; its copy of an earlier run is used" in again.stdout
    monkeypatch.chdir(study.root)
    for name, value in offline.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SallyportError, match="could not be read"):
        cli.main(["check-project"])


def test_git_is_needed_for_reusable_actions_alone(
    study: Study, join: ActionRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(study.root)
    write(study)
    assert shutil.which("git")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(SallyportError, match="Reusable actions need git"):
            cli.main(["check-project", "--site", "site.yaml"])
        assert cli.main(["check-project"]) == 0
    assert cli.main(["check-project", "--site", "site.yaml"]) == 0
    assert join.path.exists()
