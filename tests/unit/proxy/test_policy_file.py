"""The policy file: complete and known, or every problem at once; followed while it is good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.proxy.rig import Rig, Upstreams, policy_data, write_policy

from sallyport_common.errors import SettingsError, run_cli
from sallyport_common.settings import environment_names
from sallyport_proxy.cli import main
from sallyport_proxy.services.policy_file import load_policy
from sallyport_proxy.services.policy_keeper import PolicyKeeper
from sallyport_proxy.settings import PREFIX, Settings


@pytest.fixture
def path(tmp_path: Path, idle_upstreams: Upstreams) -> Path:
    """Give a good policy file."""
    write_policy(tmp_path / "policy.yml", idle_upstreams)
    return tmp_path / "policy.yml"


BROKEN: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda data: data.pop("version"), "version"),
    (lambda data: data.update(extra=1), "policy.extra is not a known key"),
    (lambda data: data.update(git=[]), "policy.git must be a mapping"),
    (lambda data: data.update(clients={"secure": ["10.0.0.0/99"]}), "is not a network"),
    (lambda data: data.update(clients={}), "policy.clients has no group secure"),
    (lambda data: data.update(limits={"blob": -1}), "policy.limits.blob"),
    (lambda data: data.update(limits={"blob": "1"}), "policy.limits.blob"),
    (lambda data: data.update(archives={"host": "a", "allow": "all"}), "archives.allow"),
    (lambda data: data["git"].pop("forges"), "policy.git.forges: must name at least one forge"),
    (lambda data: data["git"].update(forges={"A b": "https://a"}), "'A b' is not a host name"),
    (lambda data: data["git"].update(forges={"a": "https://a/b"}), "policy.git.forges.a"),
    (lambda data: data["git"].update(credentials={"a/": "x"}), "'a/' is not FORGE or FORGE/ORG"),
    (lambda data: data["git"].update(allow=[{"org": "a.b", "repo": "*"}]), "allow[0].org"),
    (lambda data: data.update(registry={"host": "a", "upstream": "ftp://x", "allow": []}), "ftp"),
]


@pytest.mark.parametrize(("spoil", "named"), BROKEN)
def test_a_problem_is_named(
    path: Path, idle_upstreams: Upstreams, spoil: Callable[[dict[str, Any]], object], named: str
) -> None:
    load_policy(path)
    data = policy_data(idle_upstreams)
    spoil(data)
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(SettingsError, match="policy") as error:
        load_policy(path)
    assert named in str(error.value)


def test_all_problems_are_named_at_once(path: Path) -> None:
    path.write_text("version: 2\nsurprise: 1\n")
    with pytest.raises(SettingsError) as error:
        load_policy(path)
    assert len(error.value.problems) == 2


@pytest.mark.parametrize("text", ["version: 1\nversion: 1\n", "{", "- 1\n", "\xff: [", "!!x 1"])
def test_what_is_no_clean_yaml_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError):
        load_policy(path)


def test_a_credential_needs_its_file(path: Path, idle_upstreams: Upstreams, tmp_path: Path) -> None:
    data = policy_data(idle_upstreams)
    data["git"]["credentials"] = {"github.com/demo-org": "demo"}
    data["registry"]["credential"] = "registry"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(SettingsError, match="credential demo has no file"):
        load_policy(path, tmp_path)
    for name in ("demo", "registry"):
        (tmp_path / name).write_text("reader:word")
    assert load_policy(path, tmp_path).git


def test_an_empty_policy_allows_nothing(path: Path) -> None:
    path.write_text("version: 1\n")
    policy = load_policy(path)
    assert (policy.git, policy.registry, policy.archives) == (None, None, None)


def test_a_changed_file_is_followed_and_a_broken_one_is_not(path: Path, tmp_path: Path) -> None:
    clock = [0.0]
    keeper = PolicyKeeper(path, tmp_path, 10, clock=lambda: clock[0])
    first = keeper.current()
    path.write_text("version: 1\n")
    assert keeper.current() is first
    clock[0] = 11
    second = keeper.current()
    assert second.git is None
    for text in ("version: one\n", None):
        path.unlink() if text is None else path.write_text(text)
        clock[0] += 11
        assert keeper.current() is second


def test_a_running_proxy_follows_its_file(rig: Rig) -> None:
    index = "/debian/dists/bookworm/InRelease"
    assert rig.get("archive", index).status_code == 200
    write_policy(rig.settings.policy, rig.upstreams, archives=None)
    assert rig.get("archive", index).status_code == 403
    rig.settings.policy.write_text("broken")
    assert rig.get("archive", index).status_code == 403
    write_policy(rig.settings.policy, rig.upstreams)
    assert rig.get("archive", index).status_code == 200


class TestCommand:
    """`sallyport-proxy`."""

    def test_it_prints_what_may_pass(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check-config", "--policy", str(path)]) == 0
        printed = capsys.readouterr().out
        assert "demo-org/demo-*[.git]/git-upload-pack for secure" in printed
        assert "/v2/pinned/python/manifests/DIGEST for every client" in printed
        assert "/debian/dists/bookworm/..." in printed

    def test_a_broken_policy_ends_with_78(
        self, path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path.write_text("version: 2\n")
        assert run_cli(main, ["check-config", "--policy", str(path)]) == 78
        assert "policy.version" in capsys.readouterr().err

    def test_settings_come_from_the_environment(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rig.raw("git", "GET", "/strangers")
        for name in environment_names(Settings, PREFIX):
            field = name.removeprefix(PREFIX).lower()
            monkeypatch.setenv(name, str(getattr(rig.settings, field)))
        assert run_cli(main, ["check-config"]) == 0
        assert run_cli(main, ["verify-log"]) == 0
        assert "decisions.sqlite3: 1 rows, intact" in capsys.readouterr().out
