"""What is measured: pairs of times, the growth with the data, and the memory of a download."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from tests.bench.data_builder import gen
from tests.bench.data_builder.engines import Engine, differences, mapping_text
from tests.engines import servers

from sallyport_data_builder.model.plan import Plan

HERE = Path(__file__).parent
MEGABYTE = 1024
PROGRAM = str(Path(sys.executable).with_name("data-builder"))


@dataclass
class Comparison:
    """Seconds of both sides, pair by pair, and what the plan ran."""

    hand: list[float] = field(default_factory=list)
    plan: list[float] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Ours over hand-written, of each pair."""
        return [ours / theirs for theirs, ours in zip(self.hand, self.plan, strict=True)]

    @property
    def ratio(self) -> float:
        """The median over the pairs."""
        return statistics.median(self.ratios)


def compare(engine: Engine, what: str, plan: Plan, pairs: int, folder: Path) -> Comparison:
    """Run both sides in turn after one round that warms the cache; answers must be the same."""
    found = Comparison()
    by_hand, by_plan = folder / f"{what}.hand.csv", folder / f"{what}.plan.csv"
    for place in range(pairs + 1):
        theirs = engine.by_hand(what, by_hand)
        ours, found.statements = engine.by_plan(plan, by_plan)
        if place:
            found.hand.append(theirs)
            found.plan.append(ours)
    wrong = differences(what, by_hand, by_plan)
    if wrong:
        raise AssertionError(f"{what} on {engine.name}: {len(wrong)} differences, {wrong[:3]}")
    return found


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a private PostgreSQL server."""
    with servers.postgresql() as url:
        yield url


def _sql(url: str, script: str, **variables: object) -> None:
    words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(HERE / script), url]
    for name, value in variables.items():
        words[1:1] = ["-v", f"{name}={value}"]
    subprocess.run(words, check=True)


def database(url: str, name: str) -> str:
    """Make a database on the server and the tables in it; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    made = url.replace("/postgres?", f"/{name}?")
    _sql(made, "tables.sql")
    return made


def loaded(url: str, name: str, data: Path) -> Engine:
    """Load CSV files into a database of the server."""
    made = database(url, name)
    _sql(made, "load.sql", data=data)
    _sql(made, "finish.sql")
    return Engine("postgresql", made, made, "scratch")


def inputs(folder: Path, scale: float) -> Path:
    """Return the folder with the data of a scale, made if it is not there yet."""
    made = folder / f"data-{scale:g}"
    if not (made / "complete").exists():
        gen.make(made, scale)
        (made / "complete").touch()
    return made


def in_file(data: Path) -> Engine:
    """Return the DuckDB side of some data."""
    path = data.resolve() / "bench.duckdb"
    return Engine("duckdb", f"duckdb:///{path}", str(path))


def surroundings(url: str, folder: Path) -> dict[str, str]:
    """Write the mapping; return the environment of a program that uses it."""
    (folder / "bench.toml").write_text(mapping_text("scratch"), encoding="utf-8")
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "OPENSAFELY_BACKEND": "bench",
        "DATA_BUILDER_BACKENDS": str(folder),
    }


def check(engine: Engine, level: str, folder: Path) -> float:
    """Return the seconds of a check of the mapping; the account here may do all (CHK-17)."""
    words = [PROGRAM, "check-backend", "bench", "--json", str(folder / "check.json")]
    words += ["--full"] if level == "full" else []
    started = time.perf_counter()
    done = subprocess.run(words, env=surroundings(engine.url, folder), check=False)
    if done.returncode > 1:
        raise RuntimeError(f"check-backend ended with {done.returncode}")
    return time.perf_counter() - started


def memory(url: str, rows: int, plan: Path, folder: Path) -> list[dict[str, object]]:
    """Return what `execute` held at most for each kind of file, and the rows that it wrote."""
    made = database(url, "million")
    _sql(made, "million.sql", rows=rows)
    _sql(made, "finish.sql")
    environment = surroundings(made, folder)
    found: list[dict[str, object]] = []
    for extension in (".csv", ".arrow"):
        output = folder / f"million{extension}"
        words = [PROGRAM, "execute", str(plan), "--output", str(output)]
        with subprocess.Popen(words, cwd=folder, env=environment) as process:
            peak = _peak(process)
        if process.returncode:
            raise RuntimeError(f"execute ended with {process.returncode}")
        found.append({"output": extension, "mb": peak, "rows": rows})
    with (folder / "million.csv").open("rb") as stream:
        if sum(1 for _line in stream) != rows + 1:
            raise AssertionError("a row of the million is missing")
    return found


def _peak(process: subprocess.Popen[bytes]) -> float:
    """Return the megabytes that a process held at most.

    The kernel's high-water mark is read while it runs: what the parent is told at the end counts
    the parent's own memory too, because a child begins as its copy.
    """
    most = 0.0
    while process.poll() is None:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        marks = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
        if marks and "data-builder" in Path(f"/proc/{process.pid}/cmdline").read_text():
            most = max(most, int(marks[0]) / MEGABYTE)
        time.sleep(0.05)
    return most
