"""The benchmark at a fiftieth of its size: equal rows and few statements, never seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bench.data_builder import measure
from tests.bench.data_builder.engines import Engine, compiled, differences

SCALE = 0.02
STATEMENTS = {
    ("dataset", "postgresql"): 7,
    ("dataset", "duckdb"): 7,
    ("measures", "postgresql"): 9,
    ("measures", "duckdb"): 9,
}
SCANS = {
    "dataset": ["scan of clinical_events", "scan of medications"],
    "measures": [
        "scan of clinical_events",
        "scan of medications",
        "scan of practice_registrations",
    ],
}


@pytest.fixture(scope="session")
def sides(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """Return both databases with the same data."""
    data = measure.inputs(tmp_path_factory.mktemp("bench"), SCALE)
    return {
        "postgresql": measure.loaded(postgresql, "bench", data),
        "duckdb": measure.in_file(data),
    }


@pytest.mark.parametrize("what", ["dataset", "measures"])
@pytest.mark.parametrize("name", ["postgresql", "duckdb"])
def test_the_plan_answers_as_hand_written_sql_does(
    sides: dict[str, Engine], name: str, what: str, tmp_path: Path
) -> None:
    plan, _seconds = compiled(what, tmp_path)
    found = measure.compare(sides[name], what, plan, 0, tmp_path)
    assert len(found.statements) == STATEMENTS[what, name] <= 10
    assert sorted(s for s in found.statements if s.startswith("scan")) == SCANS[what]


def test_a_wrong_answer_is_noticed(sides: dict[str, Engine], tmp_path: Path) -> None:
    plan, _seconds = compiled("measures", tmp_path)
    engine = sides["duckdb"]
    engine.by_hand("measures", tmp_path / "hand.csv")
    engine.by_plan(plan, tmp_path / "plan.csv")
    assert differences("measures", tmp_path / "hand.csv", tmp_path / "plan.csv") == []
    text = (tmp_path / "plan.csv").read_text(encoding="utf-8")
    (tmp_path / "plan.csv").write_text(text.replace("2022-03-31", "2022-03-30"), encoding="utf-8")
    assert differences("measures", tmp_path / "hand.csv", tmp_path / "plan.csv")
