"""The rig of the proxy's unit tests: real git, loopback upstreams that remember, a front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.proxy.rig import Front, Rig, Study, Upstreams, make_settings, write_policy

from sallyport_proxy.app import create_app


@pytest.fixture(scope="session")
def study_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the demo study once; every test that needs it gets a copy."""
    folder = tmp_path_factory.mktemp("study")
    Study(folder).make()
    return folder


@pytest.fixture
def upstreams(tmp_path: Path, study_template: Path) -> Iterator[Upstreams]:
    """Give a forge, a registry and an archive on loopback."""
    with Upstreams(tmp_path / "upstreams", study_template) as made:
        yield made


@pytest.fixture(scope="session")
def idle_upstreams(
    tmp_path_factory: pytest.TempPathFactory, study_template: Path
) -> Iterator[Upstreams]:
    """Give upstreams that nobody asks, for tests that only need their addresses."""
    with Upstreams(tmp_path_factory.mktemp("idle") / "upstreams", study_template) as made:
        yield made
    assert made.saw_nothing()


@pytest.fixture
def study(upstreams: Upstreams) -> Study:
    """Give the demo study on the forge."""
    return upstreams.study


@pytest.fixture
def rig(tmp_path: Path, upstreams: Upstreams) -> Iterator[Rig]:
    """Give a running proxy with one front for each of its names."""
    with start(tmp_path, upstreams) as made:
        yield made


@pytest.fixture
def start_rig(tmp_path: Path, upstreams: Upstreams) -> Iterator[Callable[..., Rig]]:
    """Give a function that starts a proxy with changed settings."""
    started: list[Rig] = []

    def start_one(**changes: object) -> Rig:
        started.append(start(tmp_path, upstreams, **changes))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


def start(tmp_path: Path, upstreams: Upstreams, **changes: object) -> Rig:
    """Start a proxy in front of the upstreams."""
    settings = make_settings(tmp_path, **changes)
    if not settings.policy.exists():
        write_policy(settings.policy, upstreams)
    return Rig(Front(create_app(settings), settings.cache_directory), settings, upstreams)
