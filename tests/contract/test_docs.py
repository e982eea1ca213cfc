"""Documents are current, and what they point at exists."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from repository import ROOT, tracked

PAGES = [path for path in tracked() if path.suffix == ".md" and path.exists()]
NAMED = re.compile(r"(?:`|^)(?:sudo )?(sallyport[a-z-]*) ([a-z][a-z-]*)", re.MULTILINE)


def test_generated_pages_are_current() -> None:
    answer = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, f"run make docs: {answer.stdout}{answer.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:docs|playbooks|inventories|tools|tests)/[\w./-]+\.\w+)`", text)
    missing = [name for name in named if not (ROOT / name).exists() and "mysite" not in name]
    assert not [name for name in missing if "vault.yml" not in name]


def test_pictures_are_there_and_small() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) == 2
    assert {ROOT / name for name in shown} == set((ROOT / "docs/images").iterdir())
    for name in shown:
        assert 10_000 < (ROOT / name).stat().st_size < 150_000, name


def test_the_index_of_the_documents_names_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT) for path in PAGES]
    missing = [
        str(page)
        for page in pages
        if page.parts[0] == "docs" and page.name != "README.md" and page.parts[1] != "adr"
        if f"`{page}`" not in index
    ]
    assert not missing


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z0-9]+)", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name}: make {target}"


def test_every_program_and_verb_that_a_page_names_exists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = re.findall(
        r"^(sallyport[a-z-]*) = \"",
        "".join(path.read_text() for path in ROOT.glob("files/*/pyproject.toml")),
        re.MULTILINE,
    )
    verbs = {}
    for program in scripts:
        monkeypatch.setattr(sys, "argv", [program, "--help"])
        (script,) = entry_points(group="console_scripts", name=program)
        with pytest.raises(SystemExit) as ended:
            script.load()()
        assert ended.value.code == 0
        verbs[program] = set(re.findall(r"^    ([a-z][a-z-]+)", capsys.readouterr().out, re.M))
    for page in PAGES:
        for program, verb in NAMED.findall(page.read_text(encoding="utf-8")):
            assert verb in verbs.get(program, ()), f"{page.name}: {program} {verb}"
