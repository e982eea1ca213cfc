"""The firewall program: what it renders, what it refuses, and what it asks of nftables."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "roles/firewall/files/sallyport_firewall.py"
SPEC = importlib.util.spec_from_file_location("sallyport_firewall", SOURCE)
assert SPEC
assert SPEC.loader
firewall: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(firewall)

FLOW = {"id": "F1", "direction": "out", "protocol": "tcp", "ports": [443], "addresses": ["any"]}
ENDPOINT = {"name": "database", "address": "10.9.0.2", "port": 5432}
DENY = {"input": "deny", "output": "deny", "forward": "deny"}


def policy(**parts: Any) -> dict[str, Any]:
    """Return a closed policy, with these parts in place of its own."""
    return {"defaults": DENY, "flows": [], "endpoints": []} | parts


def rules(chain: str, table: str = "sallyport", **parts: Any) -> list[str]:
    """Return the lines of one chain of the rendered transaction."""
    text = firewall.render(policy(**parts))
    body = re.search(rf"^table inet {table} {{$(.*?)^}}$", text, re.MULTILINE | re.DOTALL)
    assert body
    lines = re.search(rf"^  chain {chain} {{$(.*?)^  }}$", body[1], re.MULTILINE | re.DOTALL)
    assert lines
    return [line.strip() for line in lines[1].strip().splitlines()]


class Kernel:
    """Stands for nftables and systemd: remembers what was run, and which tables were loaded."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.tables: dict[str, str] = {}
        self.refuse = False
        self.timer = False
        self.rules: list[dict[str, Any]] = []

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Answer as the program would."""
        self.commands.append(list(command))
        if "/usr/bin/systemd-run" in command:
            self.timer = True
        if "/usr/bin/systemctl" in command:
            was, self.timer = self.timer, False
            return subprocess.CompletedProcess(command, 0 if was else 5, "", "")
        if "list" in command:
            held = "\n".join(f"table inet {name} {{{body}}}" for name, body in self.tables.items())
            text = json.dumps({"nftables": self.rules}) if "--json" in command else held
            return subprocess.CompletedProcess(command, 0, text, "")
        if "--file" in command and self.refuse:
            return subprocess.CompletedProcess(command, 1, "", "line 3: no such thing")
        if "--file" in command and "--check" not in command:
            self._load(options["input"])
        return subprocess.CompletedProcess(command, 0, "", "")

    def _load(self, text: str) -> None:
        for name in re.findall(r"^delete table inet (\w+)$", text, re.MULTILINE):
            self.tables.pop(name, None)
        for name, body in re.findall(r"^table inet (\w+) {$(.*?)^}$", text, re.M | re.S):
            self.tables[name] = body


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel without rules."""
    double = Kernel()
    monkeypatch.setattr(firewall.subprocess, "run", double.run)
    return double


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a good policy."""
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy(flows=[FLOW])))
    return path


def test_every_direction_is_closed_in_both_families() -> None:
    assert rules("input")[0] == "type filter hook input priority -5; policy drop;"
    assert rules("output")[0] == "type filter hook output priority -5; policy drop;"
    assert rules("forward")[0] == "type filter hook forward priority -5; policy drop;"
    assert set(re.findall(r"^table (\w+)", firewall.render(policy()), re.MULTILINE)) == {"inet"}


def test_an_open_direction_has_no_refusal() -> None:
    opened = rules("output", defaults=DENY | {"output": "accept"})
    assert opened[0].endswith("policy accept;")
    assert not [rule for rule in opened if "reject" in rule]
    assert [rule for rule in rules("output") if "reject" in rule]


def test_a_flow_stands_in_its_own_direction_only() -> None:
    accept = 'tcp dport { 443 } counter accept comment "F1"'
    assert accept in rules("output", flows=[FLOW])
    assert accept not in rules("input", flows=[FLOW])
    assert accept in rules("input", flows=[FLOW | {"direction": "in"}])


def test_addresses_are_matched_by_family_and_collapsed() -> None:
    flow = FLOW | {"addresses": ["10.0.0.1", "10.0.0.0", "fd00::1"], "ports": [8443, 443]}
    found = [rule for rule in rules("output", flows=[flow]) if "F1" in rule]
    assert [rule.split(" tcp ")[0] for rule in found] == [
        "ip daddr { 10.0.0.0/31 }",
        "ip6 daddr { fd00::1 }",
    ]
    assert "dport { 443, 8443 }" in found[0]


def test_only_our_tables_are_declared_deleted_and_defined() -> None:
    text = firewall.render(policy())
    touched = re.findall(r"^(?:delete )?table inet (\w+)", text, re.MULTILINE)
    assert touched == ["sallyport"] * 3 + ["sallyport_db"] * 3
    assert "flush" not in text


def test_jobs_reach_the_endpoints_and_nothing_else() -> None:
    text = firewall.render(policy(endpoints=[ENDPOINT]))
    assert "elements = { 10.9.0.2 . 5432 }" in text
    forward = rules("forward", "sallyport_db", endpoints=[ENDPOINT])
    assert forward[1] == 'iifname "jobrunner-db" ip daddr . tcp dport @endpoints counter accept'
    assert forward[2].startswith('iifname "jobrunner-db" counter reject')
    assert not [rule for rule in rules("input", "sallyport_db") if "established" in rule]


def test_no_endpoint_means_closed() -> None:
    assert "elements" not in firewall.render(policy())


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"flows": [FLOW | {"ports": []}]}, "flows F1: ports"),
        ({"flows": [FLOW | {"ports": [0]}]}, "flows F1: ports"),
        ({"flows": [FLOW | {"ports": [True]}]}, "flows F1: ports"),
        ({"flows": [FLOW | {"protocol": "icmp"}]}, "protocol must be tcp or udp"),
        ({"flows": [FLOW | {"direction": "up"}]}, "direction must be in or out"),
        ({"flows": [FLOW | {"addresses": []}]}, "addresses must be given"),
        ({"flows": [FLOW | {"addresses": ["db.example"]}]}, "'db.example' is neither"),
        ({"flows": [FLOW | {"id": 'x" accept #'}]}, "id must be"),
        ({"endpoints": [ENDPOINT | {"port": None}]}, "endpoints database: port"),
        ({"endpoints": [ENDPOINT | {"address": "10.0.0.0/8"}]}, "not one IPv4 address"),
        ({"endpoints": [ENDPOINT | {"address": "fd00::1"}]}, "not one IPv4 address"),
        ({"defaults": DENY | {"input": "accept"}}, "defaults.input must be deny"),
    ],
)
def test_a_wrong_policy_is_refused_by_name(
    kernel: Kernel, path: Path, parts: dict[str, Any], problem: str, capsys: Any
) -> None:
    assert firewall.main(["check", f"--policy={path}"]) == 0
    path.write_text(json.dumps(policy(**parts)))
    assert firewall.main(["apply", f"--policy={path}"]) == 78
    assert problem in capsys.readouterr().err
    assert not kernel.tables


def test_all_problems_are_named_at_once(path: Path, capsys: Any) -> None:
    path.write_text(json.dumps(policy(flows=[FLOW | {"ports": [], "protocol": "x"}])))
    firewall.main(["check", f"--policy={path}"])
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", None])
def test_a_file_that_is_no_policy_is_refused(path: Path, text: str | None) -> None:
    path.unlink() if text is None else path.write_text(text)
    assert firewall.main(["check", f"--policy={path}"]) == 78


def test_a_policy_in_force_is_left_alone(kernel: Kernel, path: Path) -> None:
    assert [firewall.apply(path), firewall.apply(path)] == ["applied", "unchanged"]
    del kernel.tables["sallyport_db"]
    assert firewall.apply(path) == "applied"


def test_rules_are_judged_before_they_are_loaded(kernel: Kernel, path: Path) -> None:
    firewall.apply(path)
    loads = [command for command in kernel.commands if "--file" in command]
    assert ["--check" in command for command in loads] == [True, False]


def test_what_nftables_refuses_is_reported(kernel: Kernel, path: Path, capsys: Any) -> None:
    kernel.refuse = True
    assert firewall.main(["apply", f"--policy={path}"]) == 78
    assert "no such thing" in capsys.readouterr().err


def test_a_host_without_a_good_policy_boots_closed(kernel: Kernel, path: Path) -> None:
    path.write_text("{")
    assert firewall.main(["boot", f"--policy={path}"]) == 78
    loaded = kernel.tables["sallyport"]
    assert "hook output priority -5; policy drop" in loaded
    assert "tcp dport { 22 }" in loaded


def test_a_bad_policy_leaves_the_rules_that_are_loaded(kernel: Kernel, path: Path) -> None:
    firewall.boot(path)
    before = dict(kernel.tables)
    path.write_text("{")
    assert firewall.main(["boot", f"--policy={path}"]) == 78
    assert kernel.tables == before


def test_an_unconfirmed_policy_goes_back_to_the_confirmed_one(kernel: Kernel, path: Path) -> None:
    firewall.trial(path)
    firewall.confirm(path)
    good = dict(kernel.tables)
    path.write_text(json.dumps(policy()))
    firewall.trial(path)
    assert kernel.tables != good
    assert [command[0] for command in kernel.commands if "revert" in command] == [
        "/usr/bin/systemd-run"
    ] * 2
    firewall.revert(path)
    assert kernel.tables == good
    assert json.loads(path.read_text())["flows"] == [FLOW]


def test_a_confirmation_that_comes_too_late_keeps_nothing(
    kernel: Kernel, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firewall.trial(path)
    assert firewall.main(["confirm", f"--policy={path}"]) == 0
    path.write_text(json.dumps(policy()))
    firewall.trial(path)
    kernel.timer = False
    firewall.revert(path)
    assert firewall.main(["confirm", f"--policy={path}"]) == 3
    assert "no policy is on trial" in capsys.readouterr().err
    assert json.loads(firewall.confirmed(path).read_text())["flows"] == [FLOW]


def test_a_first_policy_that_nobody_confirmed_leaves_no_rules(kernel: Kernel, path: Path) -> None:
    firewall.trial(path)
    assert kernel.tables
    firewall.revert(path)
    assert not kernel.tables


def test_status_tells_whether_the_policy_is_in_force(
    kernel: Kernel, path: Path, capsys: Any
) -> None:
    assert firewall.main(["status", f"--policy={path}"]) == 3
    firewall.apply(path)
    count = {"counter": {"packets": 3, "bytes": 180}}
    ours = {"table": "sallyport", "comment": "refused input", "expr": [count, {"drop": None}]}
    kernel.rules = [{"metainfo": {}}, {"rule": ours}, {"rule": ours | {"table": "other"}}]
    assert firewall.main(["status", f"--policy={path}"]) == 0
    assert capsys.readouterr().out.count("3 packets") == 1


def test_off_removes_our_tables(kernel: Kernel, path: Path) -> None:
    firewall.apply(path)
    assert firewall.main(["off", f"--policy={path}"]) == 0
    assert not kernel.tables
