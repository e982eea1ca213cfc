"""What stops `sallyport run-local` before anything runs, in plain words."""

from __future__ import annotations

import json
import os
import socket
from importlib.metadata import EntryPoints
from pathlib import Path

import pytest
from tests.unit.runner.local.machine import Study, shell

from sallyport_client import cli
from sallyport_common.errors import SallyportError
from sallyport_runner.local import engine
from sallyport_runner.local.engine import Engine
from sallyport_runner.local.faults import LocalError
from sallyport_runner.local.results import Done, Memory
from sallyport_runner.profile import JOB_USER

FAULTY = "version: '5'\nactions:\n  a:\n    run: python:v2 a.py\n    needs: [b]\n"


@pytest.fixture(autouse=True)
def _here(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the study's folder, on a machine without Docker."""
    monkeypatch.chdir(study.root)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{study.root}/none.sock")


@pytest.mark.parametrize("command", ["check-project", "run-local"])
def test_every_fault_of_a_project_is_told(
    study: Study, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (study.root / "project.yaml").write_text(FAULTY)
    assert cli.main([command]) == 2
    text = capsys.readouterr().err
    assert "needs 'b'" in text
    assert "outputs" in text
    assert cli.main([command, "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_a_good_project_has_no_faults(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.write({"a": shell("true", o="a.txt")})
    assert cli.main(["check-project"]) == 0
    assert capsys.readouterr().out == "project.yaml has 1 action and no faults.\n"
    assert cli.main(["check-project", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"problems": [], "warnings": []}


def test_a_folder_without_a_study_is_refused(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["run-local"]) == 2
    assert capsys.readouterr().err == f"There is no project.yaml in {study.root}.\n"
    study.write({"a": shell("true", o="a.txt")})
    (study.root / "analysis").mkdir()
    monkeypatch.chdir(study.root / "analysis")
    assert cli.main(["run-local"]) == 2
    assert f"; the study begins in {study.root}.\n" in capsys.readouterr().err


def test_an_unknown_action_or_image_is_refused_with_the_nearest(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.write({"summarise": shell("true", o="a.txt")})
    assert cli.main(["run-local", "sumarise"]) == 2
    assert "did you mean 'summarise'?" in capsys.readouterr().err
    study.write({"a": shell("true", o="a.txt") | {"run": "pyhton:v2 a.py"}})
    assert cli.main(["run-local"]) == 2
    assert "did you mean 'python'?" in capsys.readouterr().err


def test_without_docker_it_says_what_to_do(study: Study) -> None:
    study.write({"a": shell("true", o="a.txt")})
    with pytest.raises(LocalError, match=r"none\.sock \(No such file.*: install Docker, or start"):
        cli.main(["run-local"])
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(study.root / "none.sock"))
    dead.close()
    with pytest.raises(LocalError, match=r"Connection refused\): start Docker"):
        cli.main(["run-local"])
    assert not (study.root / ".sallyport").exists()


def test_a_closed_socket_and_one_that_is_not_dockers(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write({"a": shell("true", o="a.txt")})

    def refuse(_self: socket.socket, _path: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(LocalError, match="group 'docker'"):
            cli.main(["run-local"])
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(LocalError, match=r"does not answer at tcp://127\.0\.0\.1:1"):
        cli.main(["run-local"])


def test_only_needs_names(study: Study) -> None:
    study.write({"a": shell("true", o="a.txt")})
    for words in ([], ["run_all"]):
        with pytest.raises(LocalError, match="names of actions"):
            cli.main(["run-local", "--only", *words])


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000"])
def test_a_number_of_workers_is_above_0(number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run-local", "--workers", number])
    assert ended.value.code == 2


def test_a_command_of_a_package_that_is_not_installed_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    none = EntryPoints()
    monkeypatch.setattr("sallyport_client.offered.entry_points", lambda **_group: none)
    with pytest.raises(SallyportError, match="needs the package sallyport-runner"):
        cli.main(["run-local", "--workers", "2", "a"])


def test_jobs_run_as_the_researcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 501)
    monkeypatch.setattr(os, "getgid", lambda: 20)
    assert Engine(2, rootless=False).job_user() == (501, 20)
    assert Engine(2, rootless=True).job_user() == (0, 0)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert Engine(2, rootless=False).job_user() == (JOB_USER, JOB_USER)


def test_the_engine_is_that_of_dockers_context(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.address({"DOCKER_HOST": "unix:///x"}) == "unix:///x"
    monkeypatch.delenv("DOCKER_HOST")
    assert engine.address({}).startswith("unix://")


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    done = Done(inputs="x", digests={"a.txt": digest}, outputs={}, withheld={})
    memory = Memory(tmp_path / "results.json", tmp_path)
    memory.keep("a", done)
    memory.save()
    assert Memory(tmp_path / "results.json", tmp_path).of("a") == done
    for text in ("{", "[]", '{"a": 1}', '{"a": {"x": 1}}'):
        (tmp_path / "results.json").write_text(text)
        assert Memory(tmp_path / "results.json", tmp_path).of("a") is None
