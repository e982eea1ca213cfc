"""A study's folder for each test; the image is built once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.runner.local.machine import Study, build_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the name of the image while it is there."""
    name = build_image(tmp_path_factory.mktemp("busybox"))
    yield name
    subprocess.run(["docker", "image", "rm", name], check=True, capture_output=True)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give the empty folder of a study."""
    root = tmp_path / "study"
    root.mkdir()
    return Study(root)
