"""`make bench PART=data_builder`: a table, and build/bench/data_builder.json."""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.data_builder import measure
from tests.bench.data_builder.engines import compiled

ROOT = Path(__file__).parents[3]
ROWS = 1_000_000
TENTH = 0.1


@dataclass(frozen=True)
class Figure:
    """One number, the bar it must not pass, and what it was made from."""

    name: str
    value: float
    unit: str
    bar: float | None
    samples: list[Any]

    def row(self) -> str:
        """Return its line of the table."""
        if self.bar is None:
            return f"{self.name:28}{self.value:12.2f} {self.unit:12}"
        verdict = "ok" if self.value <= self.bar else "TOO MUCH"
        return f"{self.name:28}{self.value:12.2f} {self.unit:12}<= {self.bar:g}  {verdict}"


def arguments() -> argparse.Namespace:
    """How much, and how often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 10 million events")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the output whose memory counts")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    return parser.parse_args()


def _compared(short: str, name: str, bar: float, found: measure.Comparison) -> list[Figure]:
    pairs = [{"hand": h, "plan": p} for h, p in zip(found.hand, found.plan, strict=True)]
    return [
        Figure(f"{short}_{name}", found.ratio, "ratio", bar, pairs),
        Figure(f"{short}_{name}_hand", statistics.median(found.hand), "s", None, found.hand),
        Figure(f"{short}_{name}_plan", statistics.median(found.plan), "s", None, found.plan),
    ]


def figures(given: argparse.Namespace) -> list[Figure]:
    """Measure everything."""
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data, tenth = (measure.inputs(folder, given.scale * part) for part in (1, TENTH))
    plans = {what: compiled(what, folder) for what in ("dataset", "measures")}
    found: list[Figure] = [
        Figure(f"compile_{what}", seconds, "s", None, [seconds])
        for what, (_plan, seconds) in plans.items()
    ]
    counts: list[int] = []
    with measure.server() as url:
        whole = measure.loaded(url, "whole", data)
        engines = (("pg", whole), ("duckdb", measure.in_file(data)))
        for short, engine in engines:
            for what, name, bar in (
                ("dataset", "ratio", 2.0),
                ("measures", "measures_ratio", 3.0),
            ):
                one = measure.compare(engine, what, plans[what][0], given.pairs, folder)
                found += _compared(short, name, bar, one)
                counts.append(len(one.statements))
                print(f"{what} on {engine.name}: {', '.join(one.statements)}", flush=True)
        found.append(Figure("statements", max(counts), "statements", 10, counts))
        for level, most in (("live", 10.0), ("full", None)):
            seconds = measure.check(whole, level, folder)
            found.append(Figure(f"check_{level}", seconds, "s", most, [seconds]))
        found.append(_growth(whole, measure.loaded(url, "tenth", tenth), plans, given, folder))
        used = measure.memory(url, given.rows, folder / "dataset.json", folder)
        peak = max(float(str(one["mb"])) for one in used)
        found.append(Figure("rss_mb", peak, "MB", 300, used))
    return found


def _growth(
    whole: Any, small: Any, plans: dict[str, Any], given: argparse.Namespace, folder: Path
) -> Figure:
    """Return how many times as long ten times the data takes, pair by pair."""
    plan, output, samples = plans["dataset"][0], folder / "growth.csv", []
    small.by_plan(plan, output)
    for _each in range(given.pairs):
        short, long = small.by_plan(plan, output)[0], whole.by_plan(plan, output)[0]
        samples.append({"tenth": short, "whole": long})
    ratio = statistics.median(pair["whole"] / pair["tenth"] for pair in samples)
    return Figure("growth_ratio", ratio, "ratio", 10, samples)


def main() -> int:
    """Print the table and write the file; 1 if a bar is passed."""
    given = arguments()
    found = figures(given)
    print("\n".join(figure.row() for figure in found))
    document = {
        "component": "data_builder",
        "scale": given.scale,
        "figures": [
            {"name": f.name, "value": f.value, "unit": f.unit, "bar": f.bar, "samples": f.samples}
            for f in found
        ],
    }
    target = given.folder / "data_builder.json"
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(any(f.bar is not None and f.value > f.bar for f in found))


if __name__ == "__main__":
    raise SystemExit(main())
