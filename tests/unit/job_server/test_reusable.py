"""A request for reusable actions is looked at when it is made, with the runner's sentences."""

from __future__ import annotations

import json

import pytest
from tests.unit.action_repository import ActionRepository, make_action
from tests.unit.job_server.rig import PROJECT, Rig

USING = PROJECT.replace("python:v2 python summarise.py", "cox:v1 output/highly.csv")
ACTIONS = "github.com/demo-actions main"


@pytest.fixture
def cox(rig: Rig) -> ActionRepository:
    """Give a reusable action on the forge, and a study that uses it."""
    rig.study.commit(USING)
    return make_action(rig.folder / "forge/demo-actions")


def tell(rig: Rig, actions: str = ACTIONS, images: str = "ehrql python", tags: str = "") -> None:
    """Let the backend's runner say what it has."""
    told = {"images": images, "image-tags": tags, "actions": actions}
    flags = json.dumps({name: {"v": value, "ts": None} for name, value in told.items() if value})
    assert rig.call("GET", "/job-requests/?backend=hospital", Flags=flags).status_code == 200


def submit(rig: Rig, old: str = "", new: str = "") -> str:
    """Submit the study with a change of its project.yaml; return why not, or nothing."""
    rig.study.commit(USING.replace(old, new))
    body = {"workspace": "heart", "backend": "hospital", "requested_actions": ["summarise"]}
    answer = rig.api("POST", "/job-requests", "rita", body)
    assert answer.status_code in {201, 400}
    return "" if answer.status_code == 201 else str((answer.json or {})["detail"])


def test_a_reusable_action_is_accepted(rig: Rig, cox: ActionRepository) -> None:
    tell(rig)
    assert submit(rig) == ""
    assert submit(rig, "cox:v1", "cox:v2") == ""
    assert cox.path.exists()


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (
            "cxo:v1",
            "which is neither an image of this backend nor a reusable action in",
        ),
        ("cox:v8", "but the reusable action 'cox' has no such tag; did you mean"),
        ("cox:v9", "but the commit of this tag is not on the branch 'main'"),
        ("cox:v5", "has no action.yaml at this tag"),
        (
            "cox:v6",
            "whose action.yaml cannot be used: line 1, column 6: 'run' queries the",
        ),
        ("cox:v7 generate-dataset", "which would run 'ehrql:v1 generate-dataset' and so query"),
    ],
)
def test_a_faulty_one_is_refused_as_by_the_runner(
    rig: Rig, cox: ActionRepository, new: str, part: str
) -> None:
    tell(rig)
    cox.commit(None, "v5")
    cox.commit("run: ehrql:v1 generate-dataset x\n", "v6")
    cox.commit("run: ehrql:v1\n", "v7")
    cox.commit("run: python:v2 x\n", "v80")
    cox.aside("v9")
    text = submit(rig, "cox:v1", new)
    assert text.startswith(f"The action 'summarise' uses '{new.split()[0]}', ")
    assert part in text
    assert submit(rig) == ""


def test_a_backend_without_them_has_images_alone(rig: Rig, cox: ActionRepository) -> None:
    tell(rig, actions="")
    text = submit(rig)
    assert text == (
        "The action 'summarise' uses the image 'cox:v1', which this backend does not have. Its "
        "images are ehrql, python."
    )
    tell(rig)
    assert submit(rig) == ""
    assert cox.path.exists()


@pytest.mark.parametrize(
    "actions", ["github.com/other-org main", "evil.example.org/demo-actions main", "x"]
)
def test_actions_of_others_are_left_to_the_runner(
    rig: Rig, cox: ActionRepository, actions: str
) -> None:
    tell(rig, actions=actions)
    assert submit(rig, "cox:v1", "none:v1") == ""
    assert "of which this backend allows other tags only: v1." in _with_tags(rig, actions)
    assert cox.path.exists()


def _with_tags(rig: Rig, actions: str) -> str:
    tell(rig, actions=actions, tags="python:v1")
    return submit(rig)


def test_a_forge_that_does_not_answer_is_left_to_the_runner(
    rig: Rig, cox: ActionRepository
) -> None:
    tell(rig)
    assert "has no such tag" in submit(rig, "cox:v1", "cox:v8")
    for path in (cox.path / ".git/objects").glob("??/*"):
        path.chmod(0o600)
        path.write_bytes(b"")  # a damaged repository is for its forge to repair
    assert submit(rig, "cox:v1", "cox:v2") == ""
