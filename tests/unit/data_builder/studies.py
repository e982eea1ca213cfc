"""A small study, a backend and a database for it; the folder that commands are tried in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.data_builder.engines import CORE, fill

DEFINITION = """
from ehrql import create_dataset
from ehrql.tables.core import patients
dataset = create_dataset()
dataset.define_population(patients.exists_for_patient())
dataset.sex = patients.sex
dataset.died = patients.date_of_death
"""
MEASURES = """
from ehrql import create_measures, INTERVAL, months
from ehrql.tables.core import patients
measures = create_measures()
measures.define_defaults(intervals=months(24).starting_on("2020-01-01"))
measures.define_measure(
    "deaths",
    numerator=patients.date_of_death.is_during(INTERVAL),
    denominator=patients.exists_for_patient() & patients.sex.is_in(["female", "male"]),
    group_by={"sex": patients.sex},
)
"""
PEOPLE = [(1, "1980-01-01", "female", None), (2, "1990-01-01", "male", "2020-02-29")]


def mapping_of_core() -> str:
    """Return a mapping file whose tables and columns have the standard names."""
    lines = ["format = 1", 'implements = ["core"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }']
    for name, spec in CORE.items():
        lines += [f"[tables.{name}]", f'source = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in spec.columns]
    return "\n".join(lines)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a study folder, a backend named same, and a database; work in the folder."""
    for name in [
        name for name in os.environ if name.startswith(("DATABASE", "OPENSAFELY", "EHRQL"))
    ]:
        monkeypatch.delenv(name)
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "same.toml").write_text(mapping_of_core())
    monkeypatch.setenv("DATA_BUILDER_BACKENDS", str(backends))
    (tmp_path / "study/analysis").mkdir(parents=True)
    (tmp_path / "study/analysis/dataset.py").write_text(DEFINITION)
    fill(tmp_path / "data.sqlite3", {"patients": PEOPLE})
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/data.sqlite3\n")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path


def write_tables(folder: str) -> None:
    """Write the same patients as a folder with a file per table."""
    Path(folder).mkdir()
    lines = ["patient_id,date_of_birth,sex,date_of_death"]
    lines += [",".join(str(value or "") for value in row) for row in PEOPLE]
    (Path(folder) / "patients.csv").write_text("\n".join([*lines, ""]))


PROBING_BACKEND = '''
import logging
import os
from pathlib import Path
from sallyport_data_builder.backends.python import Backend
from sallyport_data_builder.confine.probes import stopped

def fork(_folder):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

class Same(Backend):
    """The mapping of the same name, and three probes."""

    slug = "same"

    def tables(self, environ):
        file = Path(environ["PROBE"])
        acts = [fork, lambda _f: file.read_text(), lambda _f: file.with_name("new").write_text("")]
        tried = [stopped(act, file.parent) for act in acts]
        logging.getLogger("data_builder").info("probed: %s", tried)
        return super().tables(environ)
'''
