#!/usr/bin/python3 -B
"""Check the backend's mapping against its database, in a container as jobs have it.

`check live` asks the database and reads no rows; `check full` reads every row, keeps a report and
writes metrics for the node exporter. Output and metrics hold counts, never a value.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import container

LARGEST = 4 * 2**20
STATUSES = ("ok", "warn", "fail", "skip")
METRIC = "sallyport_data_builder_check"
GOOD = f"{METRIC}_last_good_seconds"


def read_report(path: Path) -> dict[str, Any]:
    """Read what the container wrote; a link, or more than a report can be, is not read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        return dict(json.loads(stream.read(LARGEST)))


def write(path: Path, text: str, mode: int) -> None:
    """Write a file under its name when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(mode)
    temporary.replace(path)


def last_good(path: Path) -> float:
    """Return the time of the last good run that the metrics hold, or 0."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{GOOD}{{"):
                return float(line.rpartition(" ")[2])
    return 0.0


def metrics(backend: str, report: Mapping[str, Any], good: float) -> str:
    """Return the metrics: findings by check and status, and the last run without a failed one."""
    counts = Counter((item["id"], item["status"]) for item in report["checks"])
    lines = [
        f"# HELP {METRIC} Findings of the last full check of the mapping.",
        f"# TYPE {METRIC} gauge",
    ]
    for number in sorted({name for name, _status in counts}):
        for status in STATUSES:
            labels = f'backend="{backend}",id="{number}",status="{status}"'
            lines.append(f"{METRIC}{{{labels}}} {counts[number, status]}")
    lines += [
        f"# HELP {GOOD} When a full check last found nothing wrong.",
        f"# TYPE {GOOD} gauge",
        f'{GOOD}{{backend="{backend}"}} {good:.0f}',
    ]
    return "\n".join(lines) + "\n"


def run(config: Mapping[str, Any], level: str) -> int:
    """Run the container, keep its report, and return its exit code."""
    metrics_file = Path(config["metrics"]) / "sallyport_data_builder.prom"
    words = ["check-backend", config["backend"], "--json", "/reports/report.json"]
    words += ["--full"] if level == "full" else []
    with tempfile.TemporaryDirectory(prefix="check-", dir=config["state"]) as folder:
        os.chown(folder, config["sandbox"]["user"], config["sandbox"]["user"])
        name = f"data-builder-check-{level}"
        code = container.run(config, name, words, Path(folder)).returncode
        try:
            report = read_report(Path(folder) / "report.json")
        except (OSError, ValueError):
            return code or 1
    kept = Path(config["state"]) / f"{config['backend']}-{level}.json"
    write(kept, json.dumps(report, indent=1) + "\n", 0o640)
    if level == "full":
        good = time.time() if code == 0 else last_good(metrics_file)
        write(metrics_file, metrics(config["backend"], report, good), 0o644)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Check at one level."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("level", choices=("live", "full"))
    given = parser.parse_args(arguments)
    try:
        return run(container.configuration(), given.level)
    except container.NotStartedError as error:
        sys.stderr.write(f"{error}\n")
        return error.code


if __name__ == "__main__":
    sys.exit(main())
