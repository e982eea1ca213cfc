"""docs/researchers/first-study.md, followed block by block with the job images of this machine.

Its first step installs from a package index, and the last two talk to a job server: the scenario
`install` and the journey do both.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from walkthrough import Step, steps

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/researchers/first-study.md"
TIME = re.compile(r"in \d+\.\d s")


class Researcher:
    """Somebody with an empty folder who does what the page says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.environment = os.environ | {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SALLYPORT_REGISTRY": "sallyport.invalid",
        }

    def follow(self, step: Step) -> int:
        """Type a block of commands or write a file; return the exit code."""
        if step.kind != "sh":
            (self.folder / step.file).write_text(step.text.partition("\n")[2] + "\n")
            return 0
        done = subprocess.run(
            ["sh", "-euc", f"{step.text}\npwd"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.printed = done.stdout + done.stderr
        if done.returncode == 0:
            self.folder = Path(done.stdout.splitlines()[-1])
        return done.returncode


@pytest.fixture
def researcher(tmp_path: Path) -> Researcher:
    """Give somebody who has what the page asks for: the images that `make test` built."""
    for name in ("python_v2", "databuilder_v1"):
        archive = ROOT / f"build/images/{name}.tar"
        if archive.exists():
            subprocess.run(["docker", "load", "-qi", archive], check=True, capture_output=True)
    return Researcher(tmp_path)


def of(section: str) -> list[Step]:
    """Return the blocks of a section."""
    return [step for step in steps(PAGE) if step.section == section]


def test_a_first_study_from_the_page_alone(researcher: Researcher) -> None:
    for step in of("2. Write"):
        assert researcher.follow(step) == 0, researcher.printed
    run, promised, log, corrected = of("3. Try")
    assert researcher.follow(run) == 3, researcher.printed
    assert "project.yaml has 2 actions and no faults." in researcher.printed
    for line in promised.text.splitlines():
        assert TIME.sub("", line) in TIME.sub("", researcher.printed), researcher.printed
    assert researcher.follow(log) == 0
    assert "1000 patients" in researcher.printed
    assert researcher.follow(corrected) == 0, researcher.printed
    assert "table: succeeded" in researcher.printed
    assert "sex,age,patients" in researcher.printed
    commit = next(step for step in of("4. Submit") if step.text.startswith("git add"))
    committed = "\n".join(line for line in commit.text.splitlines()[:2])
    names = {
        f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    researcher.environment |= names
    assert researcher.follow(Step("", "sh", f"{committed}\ngit ls-files")) == 0
    assert "analysis/table.py" in researcher.printed
    assert not {"output/", ".sallyport", "metadata/"} & set(re.split(r"[\n/]", researcher.printed))
