"""docs/researchers/first-study.md installs what the command needs; tests/e2e follows the rest."""

from __future__ import annotations

from repository import ROOT
from walkthrough import steps

import distributions

PAGE = ROOT / "docs/researchers/first-study.md"


def test_the_page_installs_every_distribution_of_the_command() -> None:
    install = next(step for step in steps(PAGE) if step.section == "1. Install")
    [line] = [line for line in install.text.splitlines() if "pip install" in line]
    named = [word.removeprefix("sallyport/files/") for word in line.split()[2:]]
    needed = {*distributions.own_parts("client"), *distributions.own_parts("runner")}
    assert (set(named), len(named)) == (needed, len(needed))


def test_files_of_the_page_say_where_they_go() -> None:
    files = [step.file for step in steps(PAGE) if step.section == "2. Write" and step.kind != "sh"]
    assert files[-1] == "project.yaml"
    assert ".gitignore" in files
