"""A connector of a distribution of its own: found by its entry point, it runs a study."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.data_builder.test_exit_codes import DATASET

from sallyport_data_builder.errors import ArgumentsError
from sallyport_data_builder.sql.connectors import CONNECTORS, dialect_of, plug_ins

pytestmark = pytest.mark.live

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "nearby-connector"
version = "1"

[project.entry-points."sallyport_data_builder.connectors"]
nearby = "nearby_connector:Nearby"
sqlite = "nearby_connector:Nearby"
broken = "nearby_connector:NAME"

[tool.setuptools]
py-modules = ["nearby_connector"]
"""
MODULE = """
from sallyport_data_builder.sql.sqlite import SQLite

NAME = "nearby"


class Nearby(SQLite):
    name = NAME
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Install the distribution into a folder, and return that."""
    source, target = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "nearby_connector.py").write_text(MODULE)
    words = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target"]
    pip = [sys.executable, "-m", "pip", "install", *words, str(target), str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    return target


def test_a_plug_in_answers_as_the_connector_that_it_extends(
    study: Path, installed: Path, tmp_path: Path
) -> None:
    url = (study / "url").read_text().strip()
    (study / "near").write_text(url.replace("sqlite:", "nearby:"))
    program = "import sys; from sallyport_data_builder.cli import main; sys.exit(main())"
    answers = []
    for file in ("url", "near"):
        output = tmp_path / f"{file}.csv"
        words = ["generate-dataset", str(DATASET), "--output", str(output)]
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            env=os.environ
            | {
                "OPENSAFELY_BACKEND": "same",
                "DATABASE_URL_FILE": str(study / file),
                "PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.append(output.read_bytes())
    assert answers[0] == answers[1]
    assert answers[0].count(b"\n") > 1


def test_a_plug_in_replaces_no_connector_and_must_be_one(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArgumentsError, match="There is no connector nearby"):
        dialect_of("nearby:///file")
    monkeypatch.syspath_prepend(installed)
    assert set(plug_ins()) == {"nearby", "broken"}
    assert dialect_of("nearby:///file").name == "nearby"
    assert dialect_of("sqlite:///file").name == "sqlite"
    assert dialect_of("nearby:///file").grammar == dialect_of("sqlite://").grammar
    with pytest.raises(ArgumentsError, match=r"broken in .* is not a subclass of Dialect"):
        dialect_of("broken:///file")
    with pytest.raises(ArgumentsError, match=r"connector neerby\. Did you mean nearby"):
        dialect_of("neerby:///file")
    assert "nearby" not in CONNECTORS
