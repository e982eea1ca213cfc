"""Hosts of the rig under test, reached through the engine, and journals beside failures."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator

import pytest
import testinfra
from testinfra.host import Host
from testinfra.modules.base import Module

UNITS = pytest.StashKey[list[tuple[Host, str]]]()
PREFIX = f"sallyport-{os.environ.get('SALLYPORT_RIG', 'test')}"


def reach(name: str) -> Host:
    """Return a host of the rig by its inventory name."""
    return testinfra.get_host(f"docker://{PREFIX}-{name}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that take `host` on the hosts that `HOSTS` in the module or the scenario names."""
    if "host" in metafunc.fixturenames:
        named = getattr(metafunc.module, "HOSTS", os.environ.get("SALLYPORT_HOSTS", "").split(","))
        metafunc.parametrize("host", named, indirect=True, scope="module")


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Host:
    """The host under test."""
    return reach(request.param)


@pytest.fixture(scope="session")
def rig() -> Callable[[str], Host]:
    """A function from an inventory name to a host, for tests that need several."""
    return reach


@pytest.fixture
def service(host: Host, request: pytest.FixtureRequest) -> Callable[[str], Module]:
    """A function from a component's name to its unit on the host."""

    def look_up(component: str) -> Module:
        unit = f"sallyport-{component.replace('_', '-')}"
        request.node.stash.setdefault(UNITS, []).append((host, unit))
        return host.service(unit)

    return look_up


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journals of the units that a failed test looked at."""
    report = yield
    if report.failed:
        for host, unit in item.stash.get(UNITS, []):
            journal = host.run("journalctl -n 50 --no-pager -u %s", unit)
            report.sections.append((f"journal of {unit}", journal.stdout))
    return report
