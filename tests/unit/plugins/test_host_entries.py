"""Names resolve to an address that the asking host shares a network with."""

from __future__ import annotations

from typing import Any

from ansible_collections.sallyport.site.plugins.filter.host_entries import (
    FilterModule,
    host_entries,
)

GROUPS = {
    "all": ["jobs", "proxy", "runner", "second", "database"],
    "job_servers": ["jobs"],
    "proxies": ["proxy"],
    "release_hatches": ["runner", "second"],
    "databases": ["database"],
}
HOSTVARS: dict[str, dict[str, Any]] = {
    "jobs": {"site_addresses": {"internet": "198.51.100.10", "dmz": "198.51.100.140"}},
    "proxy": {"site_addresses": {"internet": "198.51.100.20", "dmz": "198.51.100.150"}},
    "runner": {"site_addresses": {"dmz": "198.51.100.160", "secure": "203.0.113.40"}},
    "second": {"site_addresses": {"dmz": "198.51.100.161", "secure": "203.0.113.41"}},
    "database": {"site_addresses": {"secure": "203.0.113.50"}},
}


def seen_from(host: str) -> dict[str, str]:
    """Return name to address as one host sees them."""
    entries = host_entries(GROUPS, HOSTVARS, host, "tre.test")
    names = [name for entry in entries for name in entry["names"]]
    assert len(names) == len(set(names))
    return {name: entry["address"] for entry in entries for name in entry["names"]}


def test_the_runner_reaches_each_peer_where_they_meet() -> None:
    seen = seen_from("runner")
    assert seen["jobs.tre.test"] == "198.51.100.140"
    assert seen["archive.tre.test"] == "198.51.100.150"
    assert seen["database.tre.test"] == "203.0.113.50"
    assert seen["runner.tre.test"] == "198.51.100.160"


def test_a_host_without_a_shared_network_has_no_name() -> None:
    assert "jobs.tre.test" not in seen_from("database")
    assert "database.tre.test" not in seen_from("jobs")
    assert "hatch.tre.test" in seen_from("jobs")


def test_a_service_is_the_own_one_before_that_of_a_peer() -> None:
    assert seen_from("second")["hatch.tre.test"] == "198.51.100.161"
    assert seen_from("runner")["hatch.tre.test"] == "198.51.100.160"
    assert seen_from("proxy")["hatch.tre.test"] == "198.51.100.160"


def test_a_job_server_elsewhere_is_found_by_its_declared_address() -> None:
    url = "https://jobs.example.org:8443/some/path"
    found = host_entries(GROUPS, HOSTVARS, "runner", "tre.test", {"192.0.2.9": url})
    assert found[0] == {"address": "192.0.2.9", "names": ["jobs.example.org"]}
    assert found[1:] == host_entries(GROUPS, HOSTVARS, "runner", "tre.test", {"": url})


def test_a_name_stands_once() -> None:
    url = "https://jobs.tre.test"
    found = host_entries(GROUPS, HOSTVARS, "runner", "tre.test", {"192.0.2.9": url})
    named = [entry["address"] for entry in found if "jobs.tre.test" in entry["names"]]
    assert named == ["192.0.2.9"]


def test_a_host_without_addresses_is_left_out() -> None:
    assert host_entries({"all": ["a"]}, {"a": {}}, "a", "x.y") == []


def test_templates_find_the_filter() -> None:
    assert FilterModule().filters() == {"host_entries": host_entries}
