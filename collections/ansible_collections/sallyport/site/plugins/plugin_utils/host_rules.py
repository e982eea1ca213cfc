"""Rules about what roles compute of a host, and an inventory may set otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import (
    addresses_of,
    is_production,
    networks_of,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import ZONES, Site

LISTEN = "reverse_proxy_listen"
WEB = ("job_servers", "proxies", "release_hatches", "forges")
HTTPS = "443"
EVERYWHERE = ipaddress.IPv4Address(0)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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
    entries = [parsed(entry) for entry in held]
    serving = [address for address, port in entries if port == HTTPS]
    if not serving:
        yield (
            f"{LISTEN} is {listed(held, 'empty')}; accepted is a list with port 443, the one that "
            "the firewall opens."
        )
    elif not any(is_reached(address) for address in serving):
        yield (
            f"{LISTEN} is {listed(held)}, where no client of the site connects; accepted is a list "
            f"with port 443, alone or at an IPv4 address of {host}."
        )
    for n, entry in enumerate(held):
        if entries[n] in entries[:n]:
            yield f"{LISTEN} has {entry} twice; remove one of the two."
    for address, port in dict.fromkeys(entries):
        yield from unbound(site, host, address, (EVERYWHERE, port) in entries)


def parsed(entry: str) -> tuple[Address, str]:
    """Return the address and the port of where a web server listens."""
    address, _, port = entry.rpartition(":")
    return ipaddress.ip_address(address.strip("[]") or EVERYWHERE), port


def is_reached(address: Address) -> bool:
    """Return whether clients may connect to an address: those of the site have IPv4."""
    mapped = address.version == 6 and address.ipv4_mapped
    return bool(mapped) or (address.version == 4 and not address.is_loopback)


def unbound(site: Site, host: str, address: Address, everywhere: bool) -> Iterator[str]:
    """Give a sentence where nginx could not listen at an address, and would not start.

    Where its port is open at all addresses, nginx needs no other of them, so one that moves to a
    host when another one fails may be listed. A host's IPv6 addresses are in no variable.
    """
    own = addresses_of(site, host)
    accepted = (
        f"accepted are {listed(own.values())}, and beside the port alone an address of their "
        "networks that no host has."
    )
    if address.version == 6:
        if address.ipv4_mapped:
            yield f"{LISTEN} has {address}, an IPv4 address in the form of IPv6; {accepted}"
        return
    if not own or str(address) in own.values() or address.is_loopback or address == EVERYWHERE:
        return
    taken = {text for other in site.hosts for text in addresses_of(site, other).values()}
    networks = [network for name, network in networks_of(site).items() if name in own]
    moving = str(address) not in taken and any(address in network for network in networks)
    if not (everywhere and moving):
        yield f"{LISTEN} has {address}, which {host} does not have; {accepted}"


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
        urls = [
            *site.shared("site_forges", {}).values(),
            *site.shared("site_registries", {}).values(),
            site.shared("site_registry_url", ""),
        ]
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
