"""The proxy's git door, tried with real git from the runner host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host

PROXY = "https://github-proxy.sallyport.test"
Rig = Callable[[str], Host]


@pytest.fixture
def clone(rig: Rig) -> Iterator[str]:
    """An empty repository on the runner host, gone afterwards."""
    runner = rig("runner")
    folder = runner.check_output("mktemp -d")
    runner.check_output(f"git -C {folder} init -q")
    yield folder
    runner.check_output(f"rm -rf {folder}")


def listing(host: Host, repository: str) -> int:
    """Return git's exit code for listing a repository's branches through the proxy."""
    return int(host.run(f"timeout 20 git ls-remote {PROXY}/{repository}").rc)


def test_a_disallowed_organisation_is_refused(rig: Rig) -> None:
    assert listing(rig("runner"), "demo-org/demo-study") == 0
    assert listing(rig("runner"), "other-org/other-study") == 128


def test_a_push_through_the_proxy_is_refused(rig: Rig, clone: str) -> None:
    """The same repository can be read; the refusal names pushing."""
    runner = rig("runner")
    assert listing(runner, "demo-org/demo-study") == 0
    author = "-c user.name=x -c user.email=x@example.org"
    runner.check_output(f"git -C {clone} {author} commit -q --allow-empty -m x")
    pushed = runner.run(
        f"timeout 20 git -C {clone} push {PROXY}/demo-org/demo-study HEAD:refs/heads/stolen"
    )
    assert pushed.rc != 0
    assert "403" in pushed.stderr
    shown = runner.check_output(f"git ls-remote {PROXY}/demo-org/demo-study")
    assert "stolen" not in shown
