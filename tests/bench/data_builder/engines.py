"""Both sides of a comparison on one database: hand-written SQL, and a plan."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.data_builder import hand

from sallyport_data_builder import schemas
from sallyport_data_builder.backends.mapping import parse
from sallyport_data_builder.model.plan import Plan, loads
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.results import write
from sallyport_data_builder.sql.run import connect
from sallyport_data_builder.sql.steps import Planner

HERE = Path(__file__).parent
KEYS = {
    "dataset": ("patient_id",),
    "measures": ("measure", "interval_start", "interval_end", "sex", "band"),
}
NOT_COUNTED = ("(statistics)", "clean up")


def mapping_text(scratch_schema: str = "") -> str:
    """Map each core table to the one of the same name and columns."""
    lines = ["format = 1", 'implements = ["core"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }']
    lines += [f'scratch_schema = "{scratch_schema}"'] if scratch_schema else []
    for name, spec in schemas.load("core").tables.items():
        lines += [f"[tables.{name}]", f'source = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in spec.columns]
    return "\n".join(lines)


def compiled(what: str, folder: Path) -> tuple[Plan, float]:
    """Compile a definition as a job would; return the plan and the seconds that it took."""
    path, started = folder / f"{what}.json", time.perf_counter()
    words = [str(Path(sys.executable).with_name("data-builder")), "compile"]
    definition = HERE / f"{what}_definition.py"
    subprocess.run([*words, str(definition), "--plan", str(path)], cwd=folder, check=True)
    return loads(path.read_text(encoding="utf-8")), time.perf_counter() - started


@dataclass(frozen=True)
class Engine:
    """A database with the data of the benchmark, and what hand-written SQL calls it."""

    name: str
    url: str
    database: str
    scratch_schema: str = ""

    def by_hand(self, what: str, output: Path) -> float:
        """Run the hand-written SQL, and return seconds from connection to file."""
        started = time.perf_counter()
        hand.run(what, self.name, self.database, output)
        return time.perf_counter() - started

    def by_plan(self, plan: Plan, output: Path) -> tuple[float, list[str]]:
        """Run the plan, and return seconds from connection to file and the statements' labels."""
        started = time.perf_counter()
        dialect, backend = dialect_of(self.url), parse("bench", mapping_text(self.scratch_schema))
        planner = Planner(dialect, backend, "bench")
        with connect(dialect, self.url, backend, "bench") as database:
            write(database, planner, plan.root, str(output))
        seconds = time.perf_counter() - started
        return seconds, [s for s in database.statements if not s.endswith(NOT_COUNTED)]


def differences(what: str, one: Path, other: Path) -> list[str]:
    """Compare two files by values, row by row; return what differs."""
    left, right = (_rows(path, KEYS[what]) for path in (one, other))
    if left.keys() != right.keys():
        return [f"{len(left)} and {len(right)} rows, {len(left.keys() ^ right.keys())} differ"]
    return [
        f"{key}: {name} is {left[key][name]!r} and {right[key][name]!r}"
        for key in left
        for name in left[key]
        if not _same(left[key][name], right[key].get(name))
    ]


def _rows(path: Path, keys: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    return {tuple(row[key] for key in keys): row for row in found}


def _same(one: str, other: str | None) -> bool:
    if one == other:
        return True
    try:
        return math.isclose(float(one), float(other or ""), rel_tol=1e-9)
    except ValueError:
        return False
