"""A run publishes once, goes on where it stopped, and says how it ended."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.approved import REQUEST, sha256
from tests.unit.output_publisher.doubles import (
    CSV,
    FILES,
    PNG,
    HatchDouble,
    JobServerDouble,
    hand_over,
    manifest,
)

from sallyport_common.settings import environment_names
from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.settings import PREFIX, Settings

Run = Callable[..., int]
RELEASE = f"/api/v2/releases/release/{REQUEST}"
CREATE = "/api/v2/releases/workspace/w1"
ALL_REPORTS = [
    (f"files/{sha256(CSV)}", {"file_id": "id-1"}),
    (f"files/{sha256(PNG)}", {"file_id": "id-2"}),
    ("released", {}),
]


def test_an_approved_request_is_published_once(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    assert run("run", "--once") == 0
    assert job_server.calls == []
    hand_over(tree, manifest())
    assert run("run", "--once") == 0
    assert job_server.releases[REQUEST]["files"] == FILES
    assert job_server.calls == [(CREATE, "di"), (RELEASE, "di"), (RELEASE, "di")]
    assert hatch.reports == ALL_REPORTS
    assert run("run", "--once") == 0
    assert len(job_server.calls) == 3


def test_the_release_record_says_who_decided(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    run("run", "--once")
    metadata = job_server.releases[REQUEST]["metadata"]
    assert metadata["reviewers"] == ["cy", "di"]
    assert (metadata["author"], metadata["policy"]) == ("ada", Policy().version)
    assert len(metadata["manifest_sha256"]) == 64
    upload = job_server.headers[1]
    assert upload["Content-Disposition"] == 'attachment; filename="output/table.csv"'
    assert upload["Content-Length"] == str(len(CSV))
    assert hatch.reports


def test_a_name_in_any_script_arrives(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    files = {"output/résumé der Ergebnisse.csv": CSV}
    hand_over(tree, manifest(files), files)
    assert run("run", "--once") == 0
    assert job_server.releases[REQUEST]["files"] == files
    assert hatch.reports[-1] == ("released", {})


def test_one_bad_file_does_not_hold_up_the_others(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    job_server.refused_names = {"output/table.csv"}
    assert run("run", "--once") == 75
    assert list(job_server.releases[REQUEST]["files"]) == ["output/plot.png"]
    assert [path for path, _body in hatch.reports] == [f"files/{sha256(PNG)}", "failed"]


def test_an_interrupted_run_goes_on_with_the_next_file(
    run: Run,
    tree: Path,
    job_server: JobServerDouble,
    hatch: HatchDouble,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hand_over(tree, manifest())
    job_server.uploads_until_failure = 1
    assert run("run", "--once") == 75
    reason = "The job server did not take output/plot.png: 500 ['broken']"
    assert hatch.reports[-1] == ("failed", {"reason": reason})
    assert run("status") == 0
    assert f"{REQUEST}  postponed  {reason}" in capsys.readouterr().out
    job_server.uploads_until_failure = -1
    assert run("run", "--once") == 0
    assert [call for call, _user in job_server.calls].count(RELEASE) == 3
    assert hatch.reports[-3:] == ALL_REPORTS
    assert run("status") == 0
    assert "1 approved, 0 not published" in capsys.readouterr().out


def test_a_run_that_forgot_its_uploads_is_told_so(
    run: Run, tree: Path, tmp_path: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    assert run("run", "--once") == 0
    for path in (tmp_path / "state").glob("*.sqlite3*"):
        path.unlink()
    assert run("migrate") == 0
    assert run("run", "--once") == 0
    assert hatch.reports[-1] == ("released", {})
    assert job_server.releases[REQUEST]["files"] == FILES


def test_who_asks_before_the_first_run_is_answered(
    run: Run, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_over(tree, manifest())
    for path in (tmp_path / "state").glob("*.sqlite3*"):
        path.unlink()
    assert run("status") == 0
    assert f"{REQUEST}  waiting\n1 approved, 1 not published" in capsys.readouterr().out


def test_an_unapproved_file_cannot_be_published(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    described = manifest()
    described["files"][0]["approved_by"] = ["cy"]
    folder = hand_over(tree, described)
    assert run("check") == 1
    assert run("run", "--once") == 1
    assert job_server.calls == []
    assert hatch.reports[0][0] == "failed"
    assert run("run", "--once") == 0  # looked at again in an hour
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    assert run("check") == 0


def test_without_the_hatch_the_request_stays_due(
    run: Run, tree: Path, tmp_path: Path, job_server: JobServerDouble
) -> None:
    hand_over(tree, manifest())
    assert not (tmp_path / "outbox.sock").exists()
    assert run("run", "--once") == 75
    assert run("run", "--once") == 75
    assert [call for call, _user in job_server.calls].count(RELEASE) == 2


@pytest.mark.parametrize("status", [403, 409, 500])
def test_a_hatch_that_refuses_the_report_keeps_it_due(
    run: Run, tree: Path, hatch: HatchDouble, status: int
) -> None:
    hand_over(tree, manifest())
    hatch.status = status
    assert run("run", "--once") == 75
    hatch.status = 200
    assert run("run", "--once") == 0


def test_without_a_job_server_it_is_tried_again(
    run: Run,
    tree: Path,
    environment: dict[str, str],
    job_server: JobServerDouble,
    hatch: HatchDouble,
) -> None:
    hand_over(tree, manifest())
    environment["OUTPUT_PUBLISHER_JOB_SERVER_URL"] = "http://127.0.0.1:9"
    assert run("run", "--once") == 75
    assert hatch.reports == [
        ("failed", {"reason": "The job server cannot be reached (ConnectionError)."})
    ]
    environment["OUTPUT_PUBLISHER_JOB_SERVER_URL"] = job_server.url
    assert run("run", "--once") == 0


def test_a_release_of_other_files_or_of_another_id_is_refused(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    job_server.releases[REQUEST] = {"hashes": {"x": "y"}, "files": {}}
    assert run("run", "--once") == 1
    assert "other files" in hatch.reports[-1][1]["reason"]


def test_another_id_is_refused(
    run: Run, tree: Path, job_server: JobServerDouble, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    job_server.other_id = "01ARZ3NDEKTSV4RRFFQ69G5FAW"
    assert run("run", "--once") == 1
    assert "another id" in hatch.reports[-1][1]["reason"]


def test_a_wrong_token_is_told_and_not_shown(
    run: Run, tree: Path, tmp_path: Path, hatch: HatchDouble
) -> None:
    hand_over(tree, manifest())
    (tmp_path / "token").write_text("c" * 40)
    assert run("run", "--once") == 75
    reason = hatch.reports[-1][1]["reason"]
    assert reason == "The job server did not create the release: 403 Forbidden"


def test_two_runs_do_not_meet(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "state/lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert run("run", "--once") == 1
    assert "another run of the publisher is not finished" in capsys.readouterr().err
    assert run("run", "--once") == 0


def test_bad_settings_end_with_78(
    run: Run, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(environment) == environment_names(Settings, PREFIX)
    assert run("check") == 0
    environment["OUTPUT_PUBLISHER_APPROVED_FILES"] = "/nonexistent"
    assert run("check") == 78
    assert "OUTPUT_PUBLISHER_APPROVED_FILES is /nonexistent" in capsys.readouterr().err


@pytest.mark.live
def test_as_a_service_it_runs_until_it_is_stopped(
    environment: dict[str, str], run: Run, tree: Path, hatch: HatchDouble
) -> None:
    assert run("status") == 0
    hand_over(tree, manifest())
    program = Path(sys.executable).with_name("sallyport-output-publisher")
    process = subprocess.Popen([program, "run"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    with process.stderr as stream:
        lines = []
        for line in stream:
            lines.append(json.loads(line)["message"])
            if lines[-1] == "published":
                process.terminate()
    assert process.wait(10) == 0
    assert lines == ["uploaded", "uploaded", "published"]
    assert hatch.reports == ALL_REPORTS
