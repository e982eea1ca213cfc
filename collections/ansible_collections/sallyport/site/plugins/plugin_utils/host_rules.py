"""Rules about what roles compute of a host, and an inventory may set otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import (
    addresses_of,
    is_production,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import ZONES, Site

LISTEN = "reverse_proxy_listen"
WEB = ("job_servers", "proxies", "release_hatches", "forges")
ENGINE = "container_engine_settings"
# Settings of the engine that a variable makes, and those that the isolation of jobs relies on.
MADE = {"bip": "container_engine_bridge", "default-address-pools": "container_engine_address_pool"}
RELIED_ON = (
    *("icc", "no-new-privileges", "userland-proxy", "ipv6", "iptables", "ip6tables"),
    *("hosts", "insecure-registries", "live-restore"),
)


def zone(site: Site) -> Iterator[Fault]:
    """The firewall has a host in the zone of its group."""
    for host in site.hosts:
        zones = [name for name in ZONES if host in site.members(name)]
        value = site.value(host, "firewall_zone", None) if len(zones) == 1 else None
        if value is not None and f"zone_{value}" != zones[0]:
            sentence = f"firewall_zone is {value or 'empty'}, and host {host} is in {zones[0]};"
            yield site.fault("firewall_zone", f"{sentence} remove it.", host)


def listening(site: Site) -> Iterator[Fault]:
    """The web server listens where the firewall lets clients in."""
    for host in dict.fromkeys(host for group in WEB for host in site.members(group)):
        held = site.value(host, LISTEN, None)
        for sentence in listen_faults(site, host, held) if held is not None else ():
            yield site.fault(LISTEN, sentence, host)


def listen_faults(site: Site, host: str, held: list[str]) -> Iterator[str]:
    """Give what is wrong with the addresses and ports of a web server."""
    if not any(entry.rpartition(":")[2] == "443" for entry in held):
        yield (
            f"{LISTEN} is {listed(held, 'empty')}; accepted is a list with port 443, the one that "
            "the firewall opens."
        )
    for entry in sorted({entry for entry in held if held.count(entry) > 1}):
        yield f"{LISTEN} has {entry} twice; remove one of the two."
    own = addresses_of(site, host).values()
    named = [entry.rpartition(":")[0].strip("[]") for entry in held]
    reached = any(not address or address in own or is_everywhere(address) for address in named)
    taken = {text for other in site.hosts for text in addresses_of(site, other).values()}
    for address in named:
        # Beside the host's own, one that nobody has may move to it when another host fails.
        known = is_everywhere(address) if address and own else True
        if not known and address not in own and (address in taken or not reached):
            yield f"{LISTEN} has {address}, which {host} does not have; accepted are {listed(own)}."


def is_everywhere(text: str) -> bool:
    """Return whether an address stands for all of a host, or for the host itself, as may IPv6.

    A host's IPv6 addresses are in no variable.
    """
    parsed = ipaddress.ip_address(text)
    return parsed.version == 6 or parsed.is_unspecified or parsed.is_loopback


def engine(site: Site) -> Iterator[Fault]:
    """No free setting of the engine takes the place of a variable, or opens what jobs are in."""
    for host in site.members("runners"):
        held = site.value(host, ENGINE, {})
        for name in held:
            if name in MADE:
                sentence = f"{ENGINE} has {name}; remove it there, and set {MADE[name]}."
                yield site.fault(ENGINE, sentence, host)
            elif name in RELIED_ON:
                sentence = f"{ENGINE} has {name}, which the isolation of jobs relies on; remove it."
                yield site.fault(ENGINE, sentence, host)


def computed(site: Site) -> Iterator[Fault]:
    """What the checkout says of itself, and what is made of other values, is left to it."""
    for host in site.hosts:
        version = site.distribution.inputs["site_version"]["default"]
        if site.is_set(host, "site_version") and site.value(host, "site_version", "") != version:
            sentence = f"site_version is not {version}, the version of this checkout; remove it."
            yield site.fault("site_version", sentence, host)
        needed = site.distribution.inputs["site_output_policy"]["default"]
        held = site.value(host, "site_output_policy", None)
        if (
            held is not None
            and site.is_set(host, "site_output_policy")
            and set(held) != set(needed)
        ):
            sentence = (
                f"site_output_policy has {listed(held, 'nothing')}; remove it, and set "
                f"{listed(f'site_output_{name}' for name in TOLD)}."
            )
            yield site.fault("site_output_policy", sentence, host)
        if site.value(host, "site_output_file_types", None) == []:
            sentence = (
                "site_output_file_types is empty, so nothing could be released; list at least"
            )
            yield site.fault("site_output_file_types", f"{sentence} one.", host)


TOLD = (
    *("threshold", "rounding_base", "max_file_size", "max_rows", "file_types"),
    "forbidden_columns",
)


def clocks(site: Site) -> Iterator[Fault]:
    """Every host asks somebody else for the time."""
    name = "baseline_time_servers"
    for host in site.hosts if site.claims_zones else []:
        held = site.value(host, name, None)
        variable = name if site.is_set(host, name) else "site_time_servers"
        if held == []:
            sentence = f"{variable} is empty; accepted is at least one server, such as"
            yield site.fault(variable, f"{sentence} ntp.ubuntu.com.", host)
        own = {f"{host}.{site.shared('site_domain', '')}", *addresses_of(site, host).values()}
        for server in own & set(held or []):
            sentence = f"{variable} has {server}, which is {host} itself; remove it there."
            yield site.fault(variable, sentence, host)


def names(site: Site) -> Iterator[Fault]:
    """A host that asks no resolver gets its packages from a name that it knows."""
    for host in site.hosts:
        closed = site.value(host, "baseline_resolver", "system") == "files"
        if closed and site.value(host, "baseline_apt_url", None) == "":
            sentence = (
                "baseline_resolver is files, and site_apt_url is empty, so the names of package "
                f"archives are not found; set site_apt_url to https://archive."
                f"{site.shared('site_domain', '')}, or remove baseline_resolver."
            )
            yield site.fault("baseline_resolver", sentence, host)


def packages(site: Site) -> Iterator[Fault]:
    """A host of the secure zone has a way to packages."""
    for host in site.members("zone_secure") if is_production(site) else []:
        flows = site.value(host, "firewall_additional_flows", [])
        way_out = any(flow["direction"] == "out" for flow in flows)
        if site.value(host, "baseline_apt_url", None) == "" and not way_out:
            sentence = (
                f"site_apt_url is empty, and host {host} is in zone_secure, from where no package "
                f"archive is reached; accepted is https://archive.{site.shared('site_domain', '')}."
            )
            yield site.fault("site_apt_url", sentence, host)


def upstreams(site: Site) -> Iterator[Fault]:
    """The proxy finds what it fetches from by name."""
    for host in site.members("proxies") if is_production(site) else []:
        if site.value(host, "baseline_resolver", "system") != "files":
            continue
        entries = site.value(host, "baseline_host_entries", [])
        known = {name for entry in entries for name in entry["names"]}
        urls = [*site.shared("site_forges", {}).values(), site.shared("site_registry_url", "")]
        hosts = {urlsplit(url).hostname or "" for url in urls} - known - {""}
        if hosts:
            sentence = (
                f"site_apt_url is set for {host}, so it finds names in /etc/hosts alone and not "
                f"{listed(sorted(hosts))}; set it for hosts of zone_secure only, or set "
                "baseline_resolver: system."
            )
            variable = "baseline_resolver"
            yield site.fault(
                variable if site.is_set(host, variable) else "site_apt_url", sentence, host
            )


RULES = [zone, listening, engine, computed, clocks, names, packages, upstreams]
