"""Each test of behaviour runs on every engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.engines import (
    ENGINES,
    Reference,
    Server,
    Tables,
    close_all,
    server,
)
from tests.unit.data_builder.engines import Ask as Engine
from tests.unit.data_builder.studies import study as study

from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.datasets import CLAIMED
from sallyport_data_builder.lang.tables import core

Ask = Callable[..., list[Any]]


@pytest.fixture(scope="session", autouse=True)
def _connections() -> Iterator[None]:
    """End the connections that answered."""
    yield
    close_all()


@pytest.fixture(autouse=True)
def _no_claims() -> None:
    """Forget what another test's definition claimed."""
    CLAIMED.clear()


def asking(engine: Engine, folder: Path) -> Ask:
    """Return a function from a series and tables to its value per patient, in order."""

    def call(series: Any, tables: Tables, population: Any = None) -> list[Any]:
        dataset = create_dataset()
        dataset.define_population(
            core.patients.exists_for_patient() if population is None else population
        )
        dataset.add_column("value", series)
        return [row[1] for row in engine(dataset, tables, folder)]

    return call


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return how an engine answers."""
    return ENGINES[request.param]


@pytest.fixture(params=list(ENGINES))
def asked(request: pytest.FixtureRequest) -> Reference | Server:
    """Return what is asked about measures and event tables."""
    return Reference() if request.param == "memory" else server(f"{request.param}://")


@pytest.fixture
def ask(engine: Engine, tmp_path: Path) -> Ask:
    """Return how an engine answers about one series."""
    return asking(engine, tmp_path)


@pytest.fixture
def deep() -> Iterator[None]:
    """Allow the depth that the command allows itself."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)
