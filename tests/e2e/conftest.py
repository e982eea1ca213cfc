"""The topology that the scenario left running, seen from outside; removed when the tests end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from journey import Journey
from places import Places

NAME = os.environ.get("SALLYPORT_RIG", "test")
STUDIES = Path(__file__).parent / "studies"


@pytest.fixture(scope="session", autouse=True)
def _hosts() -> Iterator[None]:
    """Remove the hosts at the end, unless SALLYPORT_KEEP asks to leave them."""
    yield
    if not os.environ.get("SALLYPORT_KEEP"):
        rig.remove(NAME)


@pytest.fixture(scope="session")
def places() -> Places:
    """Where the hosts answer."""
    return Places(NAME)


@pytest.fixture(scope="session")
def journey(places: Places) -> Journey:
    """The demo study, its people and its workspace, pushed to the forge."""
    made = Journey(places)
    made.invite()
    made.push()
    return made


@pytest.fixture(scope="session")
def results(journey: Journey) -> Journey:
    """The demo study after its actions have run beside the database."""
    ended = journey.run(["extract", "analyse"])
    assert ended["status"] == "succeeded", ended
    return journey


@pytest.fixture(scope="session")
def probing(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A study whose code tries to get out, written for the addresses of this rig."""
    folder = tmp_path_factory.mktemp("probe") / "study"
    shutil.copytree(STUDIES / "probe", folder)
    project = folder / "project.yaml"
    number = os.environ.get("SALLYPORT_RIG_NUMBER", rig.NUMBERS[NAME])
    project.write_text(project.read_text().replace("10.78.", f"10.{number}."))
    made = Journey(places, study="probe-study", workspace="probe", source=folder)
    made.invite()
    made.push()
    return made
