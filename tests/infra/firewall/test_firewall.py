"""Two hosts behind their firewalls: what is named goes through, and everything else does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

from probes import address_of, listening, probe, without_rules

HOSTS = ["runner"]


@pytest.fixture
def jobs(rig: Callable[[str], Host]) -> Host:
    """The host on the other side."""
    return rig("jobs")


def test_the_policy_is_in_force_after_a_restart_of_the_host(host: Host, jobs: Host) -> None:
    for each in (host, jobs):
        assert each.check_output("sallyport-firewall status").startswith("in force")
        assert each.service("sallyport-firewall").is_enabled
        assert each.check_output("systemctl is-enabled nftables || true") == "masked"


def test_rules_come_before_the_network_and_the_engine(host: Host) -> None:
    before = host.check_output("systemctl show -P Before sallyport-firewall").split()
    assert {"network-pre.target", "docker.service"} <= set(before)
    wanted = host.file("/etc/systemd/system/docker.service.requires/sallyport-firewall.service")
    assert wanted.is_symlink


def test_nothing_empties_the_folder_of_the_unit_while_it_starts(host: Host) -> None:
    after = host.check_output("systemctl show -P After sallyport-firewall").split()
    assert "systemd-tmpfiles-setup.service" in after
    assert not host.check_output("systemctl list-units --failed --plain --no-legend")


def test_the_secure_zone_is_closed_in_every_direction(host: Host) -> None:
    rules = json.loads(host.check_output("nft --json list table inet sallyport"))["nftables"]
    chains = {entry["chain"]["hook"]: entry["chain"] for entry in rules if "chain" in entry}
    assert {hook: chain["policy"] for hook, chain in chains.items()} == {
        "input": "drop",
        "output": "drop",
        "forward": "drop",
    }


def test_the_runner_reaches_the_job_server_and_nothing_else_there(host: Host, jobs: Host) -> None:
    address = address_of(jobs, "dmz")
    with listening(jobs, 443), listening(jobs, 8443):
        assert probe(host, address, 443) == "through"
        assert probe(host, address, 8443).startswith("refused")
        with without_rules(host, jobs):
            assert probe(host, address, 8443) == "through"


@pytest.mark.parametrize("port", [22, 443, 9999])
def test_nobody_outside_the_secure_zone_opens_a_connection_into_it(
    host: Host, jobs: Host, port: int
) -> None:
    address = address_of(host, "dmz")
    with listening(host, port) if port != 22 else without_rules():
        assert probe(jobs, address, port).startswith("refused")
        with without_rules(host, jobs):
            assert probe(jobs, address, port) == "through"


def test_a_udp_query_to_a_resolver_does_not_leave(host: Host, jobs: Host) -> None:
    address = address_of(jobs, "dmz")
    assert probe(host, address, 53, kind="SOCK_DGRAM").startswith("refused")
    with without_rules(host):
        assert probe(host, address, 53, kind="SOCK_DGRAM") == "through"


def test_refusals_are_counted(host: Host, jobs: Host) -> None:
    def refused() -> int:
        lines = host.check_output("sallyport-firewall status").splitlines()
        return next(int(line.split()[0]) for line in lines if line.endswith("refused output"))

    before = refused()
    probe(host, address_of(jobs, "dmz"), 8443)
    assert refused() > before


def test_the_engine_s_tables_stay(host: Host) -> None:
    host.check_output("nft add table ip somebody")
    try:
        host.check_output("sallyport-firewall off")
        assert host.check_output("sallyport-firewall apply") == "applied"
        assert "table ip somebody" in host.check_output("nft list tables")
    finally:
        host.check_output("nft delete table ip somebody")


def test_a_policy_that_cannot_be_loaded_changes_nothing(host: Host) -> None:
    bad: dict[str, Any] = {"defaults": {}, "flows": [{"id": "x"}], "endpoints": [{"address": "a"}]}
    host.check_output("sh -c %s", f"printf %s '{json.dumps(bad)}' > /run/bad.json")
    answer = host.run("sallyport-firewall apply --policy /run/bad.json")
    assert answer.rc == 78
    assert "port must be a number" in answer.stderr
    assert host.check_output("sallyport-firewall status").startswith("in force")


def test_a_policy_on_trial_goes_unless_it_is_confirmed_in_time(host: Host) -> None:
    policy = "/etc/sallyport/firewall/policy.json"
    host.check_output("cp -p %s /run/kept.json", policy)
    change = 'import json, sys; p = json.load(open(sys.argv[1])); p["flows"] = p["flows"][:-1]; '
    change += 'json.dump(p, open(sys.argv[1], "w"))'
    try:
        host.check_output("python3 -c %s %s", change, policy)
        assert host.check_output("sallyport-firewall trial") == "applied"
        assert host.service("sallyport-firewall-revert.timer").is_running
        host.check_output("systemctl stop sallyport-firewall-revert.timer")
        assert host.check_output("sallyport-firewall revert") == "applied"
        late = host.run("sallyport-firewall confirm")
        assert (late.rc, late.stderr.strip()) == (
            3,
            "no policy is on trial: nobody confirmed it within a minute",
        )
        host.check_output("python3 -c %s %s", change, policy)
        assert host.check_output("sallyport-firewall trial") == "applied"
        assert host.check_output("sallyport-firewall confirm") == "confirmed"
    finally:
        host.check_output("cp -p /run/kept.json %s && sallyport-firewall trial", policy)
        host.check_output("sallyport-firewall confirm")


def test_what_is_loaded_does_not_depend_on_a_second_file(host: Host) -> None:
    assert host.check_output("sallyport-firewall check") == "the policy is good"
    assert host.file("/etc/sallyport/firewall/policy.json").mode == 0o640
