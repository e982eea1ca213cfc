"""A local run has the limits that a site has unless it chooses others."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import yaml

from sallyport_runner.local.settings import CPUS, local_settings
from sallyport_runner.settings import Settings
from sallyport_study.site import Site

ROLE = Path(__file__).parents[4] / "roles/runner/defaults/main.yml"
UNITS = {"M": 1024**2, "G": 1024**3}


def number(value: object) -> float:
    """Return the bytes of a size, or the number itself."""
    text = str(value)
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else float(text)


def test_limits_are_those_of_the_role(tmp_path: Path) -> None:
    defaults = yaml.safe_load(ROLE.read_text())
    settings = local_settings(tmp_path, Site(), 64, 1)
    limits = {
        name: getattr(settings, name)
        for name in (field.name for field in fields(Settings))
        if name.startswith("job_") and isinstance(getattr(settings, name), int | float)
    }
    assert len(limits) == 7
    for name, limit in limits.items():
        assert number(defaults[f"runner_{name}"]) == limit, name


def test_a_small_machine_gives_what_it_has(tmp_path: Path) -> None:
    assert local_settings(tmp_path, Site(), 1, 1).job_cpu_count == 1
    assert local_settings(tmp_path, Site(), 8, 1).job_cpu_count == CPUS
    assert local_settings(tmp_path, Site(), 8, 1).dummy_data
