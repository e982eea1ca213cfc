"""All cases of the behaviour suite."""

from __future__ import annotations

from tests.unit.data_builder.cases import (
    aggregates,
    brought,
    core,
    dates,
    extremes,
    found,
    frames,
    logic,
    methods,
    numbers,
    texts,
)

MODULES = (
    logic,
    numbers,
    dates,
    extremes,
    texts,
    frames,
    aggregates,
    core,
    methods,
    brought,
    found,
)
CASES = [case for module in MODULES for case in module.CASES]
BY_NAME = {case.name: case for case in CASES}
