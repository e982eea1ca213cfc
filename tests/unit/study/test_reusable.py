"""Reusable actions: what a study's action runs, and why it may not."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.action_repository import ACTION, ActionRepository, make_action
from tests.unit.study.texts import action

from sallyport_common.closed_git import ClosedGit
from sallyport_study import ProjectError, parse_project
from sallyport_study.action_file import LARGEST
from sallyport_study.action_git import ActionGit
from sallyport_study.catalogue import DEFAULT, Catalogue, ImageEntry
from sallyport_study.places import Repository
from sallyport_study.reusable import Command, Home, commands, commits_of_tags

CLOSED = ClosedGit(Path("/none"), 20, ("file",))
HOME = Home.parse("github.com/demo-actions")
Found = dict[str, Command]


def run_git(_repository: Repository, folder: Path | None, words: tuple[str, ...]) -> bytes:
    """Run git as components do."""
    return CLOSED.run(*words, repository=folder)


@pytest.fixture
def cox(tmp_path: Path) -> ActionRepository:
    """Give a reusable action on a forge."""
    return make_action(tmp_path / "forge")


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Command]:
    """Return a function from a `run` to what it stands for."""
    (tmp_path / "copies").mkdir()

    def url(repository: Repository) -> str:
        assert (repository.forge, repository.owner) == ("github.com", "demo-actions")
        return f"file://{tmp_path}/forge/{repository.name}"

    def one(run: str, catalogue: Catalogue = DEFAULT, **keys: str) -> Command:
        project = parse_project(action(run=run, **keys))
        source = ActionGit(HOME, "main", tmp_path / "copies", run_git, url)
        return commands(project.actions.values(), catalogue, source)["make"]

    return one


def refusal(look: Callable[..., Command], run: str, **keys: Catalogue) -> str:
    """Return the sentence with which a `run` is refused; it names action, `name:tag` and why."""
    with pytest.raises(ProjectError) as caught:
        look(run, **keys)
    (sentence,) = caught.value.problems
    start = f"The action 'make' uses '{run.split()[0]}', "
    assert sentence.startswith(start)
    return sentence.removeprefix(start)


def test_its_words_replace_the_first_word(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    found = look("cox:v1 --model 'a b' input.csv")
    assert found.words == ("python:v2", "python", "main.py", "--fit", "--model", "a b", "input.csv")
    assert shlex.split(found.run_command) == list(found.words)
    assert not found.requires_db
    assert found.origin
    assert found.origin.repo == "https://github.com/demo-actions/cox"
    assert (found.origin.tag, found.origin.commit) == ("v1", cox.git("rev-parse", "v1^{commit}"))


def test_an_annotated_tag_stands_for_its_commit(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    origin = look("cox:v2").origin
    assert origin
    assert origin.commit == cox.git("rev-parse", "v2^{commit}") != cox.git("rev-parse", "v2")
    listing = cox.git("ls-remote", "--tags", str(cox.path)).encode()
    assert commits_of_tags(listing) == {
        tag: cox.git("rev-parse", f"{tag}^{{commit}}") for tag in ("v1", "v2")
    }


def test_a_configuration_follows_the_words_of_the_study(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    assert cox
    found = look("cox:v1 x.csv", config="{a: 1}")
    assert found.words[-3:] == ("x.csv", "--config", '{"a": 1}')


def test_an_image_runs_the_study_itself(look: Callable[..., Command]) -> None:
    assert look("python:v2 a.py") == Command(words=("python:v2", "a.py"), requires_db=False)
    assert look("sqlrunner:v1 a.sql").requires_db


def test_a_name_that_is_neither_image_nor_action(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    assert cox
    text = refusal(look, "pyhton:v2 a.py")
    start = "which is neither an image of this backend nor a reusable action in "
    assert text.startswith(f"{start}github.com/demo-actions; did you mean 'python'? The images are")
    assert "cohortextractor, " in text
    assert refusal(look, "...:v2 a.py").startswith(start)
    assert look("cox:v2").words[0] == "python:v2"


def test_a_missing_tag_is_answered_with_those_there_are(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    assert refusal(look, "cox:v22") == (
        "but the reusable action 'cox' has no such tag; did you mean 'v2'? It has v2 and v1."
    )
    for number in range(3, 16):
        cox.git("tag", f"v{number}")
    text = refusal(look, "cox:dev")
    assert text.endswith("It has v15, v14, v13, v12, v11, v10, v9, v8, v7, v6 and 5 more.")


def test_only_merged_code_runs(cox: ActionRepository, look: Callable[..., Command]) -> None:
    cox.aside("v9")
    assert refusal(look, "cox:v9").startswith(
        "but the commit of this tag is not on the branch 'main' of "
        "https://github.com/demo-actions/cox; "
    )
    cox.git("merge", "--quiet", "-X", "theirs", "v9")
    assert look("cox:v9").origin


def test_a_repository_without_an_action_file(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    cox.commit(None, "v3")
    text = "but https://github.com/demo-actions/cox has no action.yaml at this tag"
    assert refusal(look, "cox:v3").startswith(text)


@pytest.mark.parametrize(
    ("content", "place", "part"),
    [
        ("run: pyhton:v2 x\n", (1, 6), "'pyhton:v2', which is not an image of this backend; did"),
        ("\nrun: cox:v1 x\n", (2, 6), "'cox:v1', which is not an image"),
        ("run: evil.example.org/x:v1 y\n", (1, 6), "'evil.example.org/x:v1', which is not an"),
        ("run: python:latest x\n", (1, 6), "must name the version of the image"),
        ("run: python x\n", (1, 6), "must begin with an image and its version"),
        ("run: python:v2@sha256:00 x\n", (1, 6), "must begin with an image and its version"),
        ("run: ehrql:v1 generate-dataset d.py\n", (1, 6), "queries the database"),
        ("run: sqlrunner:v1 q.sql\n", (1, 6), "queries the database"),
        ("run: 'python:v2 \"x'\n", (1, 6), "quotation mark"),
        ("run: [python:v2]\n", (1, 6), "one line of text"),
        ("run:\n", (1, 5), "one line of text"),
        ("name: x\n", (1, 1), "the line 'run:' is missing"),
        ("- run: python:v2 x\n", (1, 1), "the line 'run:' is missing"),
        ("", (1, 1), "the line 'run:' is missing"),
        ("run: {\n", (2, 1), ""),
        ("run: python:v2 a\nrun: python:v2 b\n", (2, 1), ""),
        (b"run: \xff\n", (0, 0), "not text in UTF-8"),
    ],
)
def test_a_faulty_action_file_is_refused_with_its_place(
    cox: ActionRepository,
    look: Callable[..., Command],
    content: str | bytes,
    place: tuple[int, int],
    part: str,
) -> None:
    cox.commit(content, "v3")
    text = refusal(look, "cox:v3 input.csv")
    line, column = place
    where = f"line {line}, column {column}: " if line else ""
    assert text.startswith(f"whose action.yaml cannot be used: {where}")
    assert part in text
    cox.commit(f"name: x\n{ACTION}", "v4")  # the control: keys of no concern to us are accepted
    assert look("cox:v4 input.csv").words[-1] == "input.csv"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("ehrql:v1", "generate-dataset d.py --output a.csv"),
        ("databuilder:v1", "generate-measures d.py"),
        ("cohortextractor:v1", "generate_cohort"),
    ],
)
def test_both_together_make_no_database_command(
    cox: ActionRepository, look: Callable[..., Command], own: str, words: str
) -> None:
    cox.commit(f"run: {own}\n", "v3")
    text = refusal(look, f"cox:v3 {words}")
    assert f"which would run '{own} {words.split()[0]}' and so query the database" in text
    assert look("cox:v3 test-connection").words == (own, "test-connection")


def test_a_site_decides_which_images_query_the_database_and_which_tags_run(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    extract = ImageEntry(name="extract", database=True)
    python = ImageEntry(name="python", tags=("v2", "v3"))
    own = Catalogue.of([*DEFAULT.entries.values(), extract, python])
    assert look("extract:v1 x", catalogue=own).requires_db
    assert refusal(look, "python:v1 x", catalogue=own) == (
        "of which this backend allows other tags only: v2 and v3."
    )
    assert look("cox:v2", catalogue=own).words[0] == "python:v2"
    cox.commit("run: extract:v1 x\n", "v3")
    cox.commit("run: python:v1 x\n", "v4")
    assert "queries the database" in refusal(look, "cox:v3", catalogue=own)
    assert "other tags only" in refusal(look, "cox:v4", catalogue=own)


def test_a_huge_action_file_is_not_read(
    cox: ActionRepository, look: Callable[..., Command]
) -> None:
    cox.commit(f"#{'x' * LARGEST}\n{ACTION}", "v3")
    assert "Its action.yaml is larger than 64 KiB." in refusal(look, "cox:v3")


def test_without_an_organisation_there_are_images_alone() -> None:
    project = parse_project(action(run="cox:v1 x"))
    with pytest.raises(ProjectError, match=r"'cox:v1', which this backend does not have"):
        commands(project.actions.values(), DEFAULT, None)


def test_every_fault_is_told_at_once(cox: ActionRepository, tmp_path: Path) -> None:
    cox.aside("v9")
    text = "version: 5\nactions:\n" + "".join(
        f"  a{n}: {{run: '{run}', outputs: {{highly_sensitive: {{a: {n}.csv}}}}}}\n"
        for n, run in enumerate(["none:v1 x", "cox:v1 x", "cox:v9 x", "cox:v8 x"])
    )
    source = ActionGit(HOME, "main", tmp_path, run_git, lambda one: f"{tmp_path}/forge/{one.name}")
    with pytest.raises(ProjectError) as caught:
        commands(parse_project(text).actions.values(), DEFAULT, source)
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["a0", "a2", "a3"]


@pytest.mark.parametrize("text", ["demo-actions", "https://github.com/x", "github.com/a/b", "a/-b"])
def test_an_organisation_is_named_with_its_forge(text: str) -> None:
    with pytest.raises(ValueError, match="expected a forge and an organisation"):
        Home.parse(text)
    assert str(Home.parse("git.example.org/x")) == "git.example.org/x"
