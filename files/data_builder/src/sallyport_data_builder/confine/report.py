"""isolation-report: what is stopped, found out by trying it (ISO-07)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sallyport_data_builder.confine import landlock, probes, process

SECONDS = 60.0
TITLES = {probes.STUDY: "study code", probes.DATABASE: "database process"}


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    rule: str
    who: str
    text: str
    stopped: bool

    @property
    def good(self) -> bool:
        """Whether it is as it should be: the control is the one thing that must work."""
        return self.stopped != (self.rule == "control")

    def __str__(self) -> str:
        word = "stopped" if self.stopped else "works" if self.good else "NOT STOPPED"
        return f"{word:12}{self.rule:10}{self.who:17}{self.text}"


def tried(confinement: str, names: Sequence[str]) -> dict[str, bool]:
    """Try probes in a confined process; what gives no answer was not stopped."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("inside", "outside"):
            (Path(folder) / part).mkdir()
            (Path(folder) / part / "file").write_text("text")
        words = [confinement, folder, *names]
        child = process.run("sallyport_data_builder.confine.probes", words, SECONDS)
    found = dict(json.loads(line) for line in child.answer.splitlines())
    return {name: found.get(name) is True for name in names}


def lines() -> Iterator[Line]:
    """Yield what each rule stops, for study code and for the process at the database."""
    for confinement, who in TITLES.items():
        names = [name for name, probe in probes.PROBES.items() if confinement in probe.where]
        found = tried(confinement, names)
        for name in sorted(names, key=lambda name: probes.PROBES[name].rule):
            probe = probes.PROBES[name]
            yield Line(probe.rule, who, probe.text, found[name])
    yield Line("container", "both", "be root", os.geteuid() != 0)
    interfaces = {path.name for path in Path("/sys/class/net").iterdir()} - {"lo"}
    yield Line("container", "study code", "reach a network", not interfaces)
    yield Line("container", "both", "write to the root folder", not os.access("/", os.W_OK))


def summary() -> str:
    """Return which Landlock this kernel has; a filter of calls shows in the lines."""
    return f"Landlock version {landlock.version() or 'none'}"
