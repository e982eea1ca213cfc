"""The flow table, resolved for single hosts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sallyport.site.plugins.filter import flows as module

GROUPS = {
    "all": ["jobs", "proxy", "runner", "database"],
    "job_servers": ["jobs"],
    "proxies": ["proxy"],
    "runners": ["runner"],
    "databases": ["database"],
    "forges": [],
}
HOSTVARS: dict[str, dict[str, Any]] = {
    "jobs": {"site_addresses": {"internet": "10.1.0.20", "dmz": "10.1.1.20"}},
    "proxy": {"site_addresses": {"internet": "10.1.0.30", "dmz": "10.1.1.30"}},
    "runner": {"site_addresses": {"dmz": "10.1.1.40", "secure": "10.1.2.40"}},
    "database": {"site_addresses": {"secure": "10.1.2.50"}},
}
NETWORKS = {"dmz": "10.1.1.0/24", "level4": "10.1.3.0/24"}


def flows(host: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the rows mean for a host, each with port 443 unless it says otherwise."""
    table = [{"id": "F", "ports": [443]} | row for row in rows]
    return module.flows(table, GROUPS, HOSTVARS, host, NETWORKS)


def test_a_flow_opens_one_direction_at_either_end_and_nothing_elsewhere() -> None:
    row = {"id": "F1", "from": "runners", "to": "job_servers"}
    common = {"id": "F1", "protocol": "tcp", "ports": [443]}
    assert flows("runner", row) == [common | {"direction": "out", "addresses": ["10.1.1.20"]}]
    assert flows("jobs", row) == [common | {"direction": "in", "addresses": ["10.1.1.40"]}]
    assert flows("proxy", row) == []


def test_peers_are_named_by_the_networks_that_both_are_in() -> None:
    row = {"from": "runners", "to": "databases"}
    assert flows("database", row)[0]["addresses"] == ["10.1.2.40"]


def test_where_no_network_is_shared_every_address_of_the_peer_counts() -> None:
    row = {"from": "databases", "to": "proxies"}
    assert flows("database", row)[0]["addresses"] == ["10.1.0.30", "10.1.1.30"]


def test_one_side_alone_can_be_asked_for() -> None:
    row = {"from": "runners", "to": "databases", "only": "in"}
    assert flows("runner", row) == []
    assert [flow["direction"] for flow in flows("database", row)] == ["in"]


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        ("any", ["any"]),
        ("network:level4", ["10.1.3.0/24"]),
        ("192.0.2.0/24", ["192.0.2.0/24"]),
        (["192.0.2.7", "proxies"], ["192.0.2.7", "10.1.1.30"]),
    ],
)
def test_sources_can_be_networks_and_addresses(
    source: str | list[str], addresses: list[str]
) -> None:
    found = flows("runner", {"from": source, "to": "runners"})
    assert [flow["addresses"] for flow in found if flow["direction"] == "in"] == [addresses]


@pytest.mark.parametrize("side", ["forges", "network:unknown", "no_such_group", []])
def test_a_flow_without_a_peer_opens_nothing(side: str | list[str]) -> None:
    assert flows("jobs", {"from": "job_servers", "to": side}) == []
    assert flows("jobs", {"from": "job_servers", "to": "proxies"}) != []


def test_an_inactive_row_opens_nothing() -> None:
    row = {"from": "runners", "to": "job_servers"}
    assert flows("runner", row | {"active": False}) == []
    assert flows("runner", row | {"active": True}) != []


def test_a_host_is_not_its_own_peer() -> None:
    peers = flows("proxy", {"from": "all", "to": "proxies"})
    assert [flow["direction"] for flow in peers] == ["in"]
    assert sorted(peers[0]["addresses"]) == ["10.1.0.20", "10.1.1.20", "10.1.1.40", "10.1.2.50"]


def test_templates_find_the_filter() -> None:
    assert module.FilterModule().filters() == {"flows": module.flows}
