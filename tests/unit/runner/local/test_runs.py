"""`sallyport run-local` with Docker: what runs, what does not, and what is left behind."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Any

import pytest
from tests.unit.runner.local.machine import REGISTRY, Study, containers, shell, statuses

from sallyport_runner.local.folder import Folder

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("image")]
MAKE = shell("mkdir output; echo a,b >output/rows.csv", level="highly_sensitive", o="output/*.csv")
COUNT = "cat output/rows.csv; wc -l output/rows.csv >output/n.txt"
WITHHELD = "mkdir output; (echo patient_id,n; echo 1,3) >output/w.csv"
ACTIONS: dict[str, Any] = {
    "make": MAKE,
    "count": shell(COUNT, "make", o="output/n.txt"),
    "fail": shell("echo a mistake; exit 4", "make", o="output/never.txt"),
    "after": shell("true", "fail", o="output/after.txt"),
    "stray": shell("mkdir output; echo 1 >output/other.txt", o="output/table.csv"),
    "withheld": shell(WITHHELD, o="output/w.csv"),
}


def test_a_study_with_every_kind_of_end(study: Study) -> None:
    study.write(ACTIONS)
    (study.root / "analysis").mkdir()
    (study.root / "analysis/code.R").write_text("1\n")
    content = study.run()
    assert content["code"] == 3
    assert not content["succeeded"]
    assert statuses(content) == {
        "make": "succeeded",
        "count": "succeeded",
        "fail": "failed",
        "after": "not started",
        "stray": "failed",
        "withheld": "succeeded",
    }
    ends = {action["action"]: action for action in content["actions"]}
    assert (study.root / "output/n.txt").read_text().split() == ["1", "output/rows.csv"]
    assert ends["count"]["outputs"] == {"output/n.txt": "moderately_sensitive"}
    assert ends["fail"]["code"] == "nonzero_exit"
    assert "a mistake" in (study.root / ends["fail"]["log"]).read_text()
    assert "| a mistake" in content["progress"]
    assert "(exit code 4)" in content["progress"]
    assert ends["after"]["message"] == "it needs 'fail', which failed"
    assert ends["stray"]["unmatched_patterns"] == ["output/table.csv"]
    assert ends["stray"]["unmatched_outputs"] == ["output/other.txt"]
    assert "patient identifiers" in ends["withheld"]["withheld"]["output/w.csv"]
    assert {(one["file"], one["code"]) for one in content["findings"]} >= {
        ("output/w.csv", "PATIENT_ID_COLUMN"),
        ("output/w.csv", "SMALL_COUNT"),
    }
    kept = {path.name for path in (study.root / ".sallyport").iterdir()}
    assert kept == {".gitignore", "lock", "medium", "results.json"}
    assert not containers(Folder(study.root).workspace)


def test_the_sandbox_is_that_of_a_backend_and_outputs_belong_to_the_researcher(
    study: Study,
) -> None:
    probe = (
        "mkdir output; (touch /bin/x; cat /proc/self/status; ls /sys/class/net) >output/p.txt 2>&1;"
        " echo $OPENSAFELY_BACKEND $HOME >>output/p.txt"
    )
    study.write({"probe": shell(probe, o="output/p.txt")})
    assert study.run()["code"] == 0
    path = study.root / "output/p.txt"
    text = path.read_text()
    assert "Read-only file system" in text
    assert "NoNewPrivs:\t1" in text
    assert "Seccomp:\t2" in text
    assert "CapEff:\t0000000000000000" in text
    assert text.split()[-3:] == ["lo", "test", "/tmp"]  # noqa: S108 (inside)
    assert path.stat().st_uid == study.root.stat().st_uid


def test_what_has_not_changed_is_not_run_again(study: Study) -> None:
    actions = {name: ACTIONS[name] for name in ("make", "count", "withheld")}
    study.write(actions)
    first = study.run("run_all")
    assert set(statuses(first).values()) == {"succeeded"}
    again = study.run("run_all")
    assert set(statuses(again).values()) == {"unchanged"}
    assert again["findings"] == first["findings"]
    assert statuses(study.run("count")) == {"make": "unchanged", "count": "succeeded"}
    assert set(statuses(study.run("--force", "count")).values()) == {"succeeded"}
    (study.root / "output/rows.csv").write_text("changed by hand\n")
    assert statuses(study.run())["make"] == "succeeded"
    (study.root / "code.py").write_text("1\n")
    assert set(statuses(study.run()).values()) == {"succeeded"}
    actions["make"] = shell(
        "mkdir output; echo c >output/rows.csv", level="highly_sensitive", o="output/*.csv"
    )
    study.write(actions)
    assert statuses(study.run()) == {
        "make": "succeeded", "count": "succeeded", "withheld": "unchanged",
    }  # fmt: skip


def test_one_action_alone_takes_the_outputs_that_are_there(study: Study) -> None:
    study.write({name: ACTIONS[name] for name in ("make", "count")})
    alone = study.run("--only", "count")
    assert statuses(alone) == {"count": "not started"}
    assert "run that action first" in alone["actions"][0]["message"]
    study.run("make")
    (study.root / "code.py").write_text("1\n")
    assert statuses(study.run("--only", "count")) == {"count": "succeeded"}


def test_outputs_and_ignored_files_are_not_code(study: Study) -> None:
    listing = shell(
        "mkdir output; find . -type f | grep -v -e project.yaml -e l.txt >output/l.txt",
        o="output/l.txt",
    )
    study.write({"list": listing, "other": shell("true", o="output/*.csv")})
    for name in ("code.py", "ignored.bin", "output/old.csv", "output/l.txt", "metadata/x.log"):
        (study.root / name).parent.mkdir(exist_ok=True)
        (study.root / name).write_text("x\n")
    (study.root / ".gitignore").write_text("*.bin\n")
    environment = study.root / "env/lib"
    environment.mkdir(parents=True)
    (study.root / "env/pyvenv.cfg").touch()
    (environment / "large.py").touch()
    study.run("list")
    text = (study.root / "output/l.txt").read_text().split()
    assert sorted(text) == ["./.gitignore", "./code.py", "./ignored.bin"]
    subprocess.run(["git", "init", "-q"], cwd=study.root, check=True)
    (study.root / ".gitignore").write_text("*.bin\nenv\n")
    study.run("list")
    text = (study.root / "output/l.txt").read_text().split()
    assert sorted(text) == ["./.gitignore", "./code.py"]


def test_independent_actions_run_side_by_side(study: Study) -> None:
    script = "sleep 2; mkdir output; echo 1 >output/{0}.txt"
    study.write({n: shell(script.format(n), o=f"output/{n}.txt") for n in "abc"})
    begin = time.monotonic()
    assert study.run("--workers", "3")["code"] == 0
    together = time.monotonic() - begin
    begin = time.monotonic()
    assert study.run("--workers", "1", "--force")["code"] == 0
    assert time.monotonic() - begin > together + 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_containers(
    study: Study, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    study.write(
        {
            "slow": shell("mkdir -p output; echo 1 > output/s.txt; sleep 600", o="output/s.txt"),
            "next": shell("true", "slow", o="n.txt"),
        }
    )
    # A shell that starts programs in the background lets them ignore interrupts.
    words = ["env", "--default-signal=INT", *study.command()]
    run = subprocess.Popen(
        words, cwd=study.root, env=study.environment(), stdout=subprocess.PIPE, text=True
    )
    request.addfinalizer(run.kill)
    workspace = Folder(study.root).workspace
    deadline = time.monotonic() + 60
    written = ".sallyport/high/volumes/*/workspace/output/s.txt"
    while not list(study.root.glob(written)):
        assert time.monotonic() < deadline, "the program wrote nothing"
        time.sleep(0.1)
    assert containers(workspace)
    second = study.type("run-local")
    assert (second.returncode, second.stderr) == (
        1, "error: Another local run of this study is under way.\n",
    )  # fmt: skip
    run.send_signal(number)
    text = run.communicate(timeout=60)[0]
    assert run.returncode == 130
    assert "2 actions: 2 cancelled" in text
    assert not (study.root / "output").exists()
    assert not containers(workspace)


def test_what_a_killed_run_left_is_removed_by_the_next(study: Study) -> None:
    study.write({"slow": shell("sleep 600", o="output/s.txt"), "quick": ACTIONS["withheld"]})
    run = subprocess.Popen(study.command("slow"), cwd=study.root, env=study.environment())
    workspace = Folder(study.root).workspace
    while not containers(workspace) and run.poll() is None:
        time.sleep(0.1)
    run.kill()
    run.wait()
    assert containers(workspace)
    assert study.run("quick")["code"] == 0
    assert not containers(workspace)


def test_an_image_that_is_nowhere_is_named(study: Study) -> None:
    study.write({"make": MAKE | {"run": "python:v99 true"}, "ask": shell("true", o="a.txt")})
    done = study.type("run-local")
    assert done.returncode == 1
    assert f"The image {REGISTRY}/python:v99 is not on this machine" in done.stderr
    assert "--registry" in done.stderr
    assert f"pulling {REGISTRY}/python:v99" in done.stdout
    assert not (study.root / "output").exists()
