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
from sallyport_proxy.services.policy_store import PolicyStore
from sallyport_proxy.settings import PREFIX, Settings


@pytest.fixture
def path(tmp_path: Path, idle_upstreams: Upstreams) -> Path:
    """Give a good policy file."""
    write_policy(tmp_path / "policy.yml", idle_upstreams)
    return tmp_path / "policy.yml"


BROKEN: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda data: data.pop("version"), "policy.version is missing; expected: 1, the version"),
    (lambda data: data.update(version=True), "policy.version is not valid; expected: 1, the vers"),
    (lambda data: data.update(version=None), "policy.version is missing; expected: 1, the vers"),
    (lambda data: data.update(extra=1), "policy.extra is not a known key; the keys are version, "),
    (lambda data: data["git"].update({5: 1}), "policy.git.5 is not a known key"),
    (lambda data: data.update(git=[]), "policy.git is not valid; expected: a mapping"),
    (lambda data: data["git"].update(extra=1), "policy.git.extra is not a known key; the keys ar"),
    (lambda data: data.update(clients={"secure": ["10.0.0.0/99"]}),
     "policy.clients.secure[0] is not valid; expected: a network such as 10.77.1.0/24"),
    (lambda data: data.update(clients={"secure": ["10.0.0.1/8"]}), "policy.clients.secure[0]"),
    (lambda data: data.update(clients={"secure": "10.0.0.0/8"}),
     "policy.clients.secure is not valid; expected: a list"),
    (lambda data: data.update(clients={}), "policy.clients has no group secure"),
    (lambda data: data.update(limits={"blob": 0}), "policy.limits.blob is not valid; expected: a"),
    (lambda data: data.update(limits={"blob": "1"}), "expected: a whole number of bytes from 1 to"),
    (lambda data: data.update(limits={"blob": True}), "policy.limits.blob is not valid"),
    (lambda data: data.update(limits={"blub": 1}), "policy.limits.blub is not a known key; the ke"),
    (lambda data: data.update(archives={"host": "a", "allow": "all"}),
     "policy.archives.allow is not valid; expected: a list"),
    (lambda data: data["git"].pop("forges"),
     "policy.git.forges is missing; expected: at least one forge, each with the origin"),
    (lambda data: data["git"].update(forges={}), "policy.git.forges is not valid; expected: at l"),
    (lambda data: data["git"].update(forges={"A b": "https://a"}),
     "policy.git.forges.A b is not valid; expected: a host name in lower case"),
    (lambda data: data["git"].update(forges={"a": "https://a/b"}),
     "policy.git.forges.a is not valid; expected: http:// or https:// and a host"),
    (lambda data: data["git"].update(forges={"a": "https://a\n"}), "policy.git.forges.a"),
    (lambda data: data["git"].update(credentials={"a/": "x"}),
     "policy.git.credentials.a/ is not valid; expected: FORGE or FORGE/ORGANISATION"),
    (lambda data: data["git"].update(allow=[{"org": "a.b", "repo": "*"}]),
     "policy.git.allow[0].org is not valid; expected: an organisation; '*' stands for any"),
    (lambda data: data["git"].update(allow=[{"org": "a", "repo": "*", "for": "all"}]),
     "policy.git.allow[0].for is not valid; expected: a list"),
    (lambda data: data.update(registry={"host": "a", "upstream": "ftp://x", "allow": []}),
     "policy.registry.upstream is not valid; expected: http:// or https://"),
    (lambda data: data["registry"]["allow"].append({"name": "a", "reference": "tag"}),
     "policy.registry.allow[3].reference is not valid; expected: 'digest' or 'any'"),
    (lambda data: data["archives"]["allow"][0].pop("upstream"),
     "policy.archives.allow[0].upstream is missing; expected: an http:// or https:// URL"),
]  # fmt: skip


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
    path.write_text("version: 2\nsurprise: 1\ngit: {host: A, allow: [{org: a.b}]}\n")
    with pytest.raises(SettingsError) as error:
        load_policy(path)
    named = [problem.partition(": ")[2].partition(" is ")[0] for problem in error.value.problems]
    assert sorted(named) == [
        "policy.git.allow[0].org", "policy.git.allow[0].repo", "policy.git.forges",
        "policy.git.host", "policy.surprise", "policy.version",
    ]  # fmt: skip


def test_keys_that_are_left_empty_count_as_left_out(path: Path) -> None:
    path.write_text("version: 1\ngit:\nclients:\nlimits: {blob: }\n")
    policy = load_policy(path)
    assert (policy.git, policy.clients, policy.limits.blob) == (None, {}, 32 * 1024**3)


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
    keeper = PolicyStore(path, tmp_path, 10, clock=lambda: clock[0])
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
