"""Rules about what the proxy lets through: for all that need it, and for nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from fnmatch import fnmatchcase

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.firewall_rules import everybody
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import (
    addresses_of,
    from_proxies,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import ZONES, Site

CLIENTS = "proxy_client_networks"


def clients(site: Site) -> Iterator[Fault]:
    """The proxy serves every host that needs it, and not the whole internet."""
    for proxy in site.members("proxies"):
        networks = site.value(proxy, CLIENTS, None)
        if networks is None:
            continue
        if everybody(networks):
            sentence = (
                f"{CLIENTS} is every address ({listed(networks)}); accepted are the networks of "
                "the hosts that use the proxy."
            )
            yield site.fault(CLIENTS, sentence, proxy)
        for host, purpose in users(site, proxy):
            yield from refused(site, proxy, host, purpose)


def time_clients(site: Site) -> Iterator[Fault]:
    """The proxy's host gives the time to every host that asks it."""
    variable = "baseline_time_clients"
    for proxy in site.members("proxies"):
        held = site.value(proxy, variable, None)
        for host in site.hosts if held is not None and site.is_set(proxy, variable) else []:
            asks = any("time" in purpose for purpose in from_proxies(site, host))
            seen = seen_from(site, proxy, host)
            if asks and host != proxy and seen and not any_in(seen, held or []):
                sentence = (
                    f"{variable} does not have {listed(seen)} of {host}, which asks {proxy} for "
                    "the time; add its network."
                )
                yield site.fault(variable, sentence, proxy)


def seen_from(site: Site, proxy: str, host: str) -> list[str]:
    """Return the addresses of a host that a proxy may see it at."""
    theirs = addresses_of(site, proxy)
    return [address for name, address in addresses_of(site, host).items() if name in theirs]


def any_in(addresses: list[str], networks: list[str]) -> bool:
    """Return whether any of some addresses is in any of some networks."""
    parsed = [ipaddress.ip_network(text) for text in networks]
    return any(ipaddress.ip_address(text) in network for text in addresses for network in parsed)


def users(site: Site, proxy: str) -> Iterator[tuple[str, str]]:
    """Give each other host that needs the proxy, and for what."""
    inside = [host for zone in ZONES if zone != "zone_internet" for host in site.members(zone)]
    for host in inside:
        purposes = [purpose for purpose in from_proxies(site, host) if "time" not in purpose]
        if host in site.members("runners"):
            purposes = ["code and images", *purposes]
        if purposes and host != proxy:
            yield host, " and ".join(purposes)


def refused(site: Site, proxy: str, host: str, purpose: str) -> Iterator[Fault]:
    """Give a fault where a proxy does not serve any address by which it sees a host."""
    seen = seen_from(site, proxy, host)
    if seen and not any_in(seen, site.value(proxy, CLIENTS, [])):
        sentence = (
            f"{CLIENTS} does not have {listed(seen)} of {host}, which needs the proxy for "
            f"{purpose}; add its network."
        )
        yield site.fault(CLIENTS if site.is_set(proxy, CLIENTS) else "site_addresses", sentence)


def upstreams(site: Site) -> Iterator[Fault]:
    """There is a forge, and each credential is for one."""
    forges = site.shared("site_forges", None)
    if forges == {}:
        yield site.fault(
            "site_forges",
            "site_forges is empty; accepted is at least one forge, such as github.com: "
            "https://github.com.",
        )
    owners = site.shared("site_forge_credentials", {})
    unknown = {owner.partition("/")[0] for owner in owners} - set(forges or {})
    for forge in sorted(unknown) if forges else []:
        sentence = f"site_forge_credentials is for {forge}; accepted are {listed(forges)}"
        yield site.fault("site_forge_credentials", f"{sentence} of site_forges.")
    patterns = {
        pattern
        for proxy in site.members("proxies")
        for pattern in site.value(proxy, "proxy_organisations", ["*"])
    }
    for name in sorted({owner.partition("/")[2] for owner in owners} - {""}):
        if patterns and not any(is_like(name, pattern) for pattern in patterns):
            sentence = f"site_forge_credentials is for the organisation {name}; accepted are"
            told = f"{sentence} {listed(sorted(patterns))} of site_allowed_organisations."
            yield site.fault("site_forge_credentials", told)


def is_like(name: str, pattern: str) -> bool:
    """Return whether a name of an organisation fits a pattern, whatever its case."""
    return fnmatchcase(name.lower(), pattern.lower())


def organisations(site: Site) -> Iterator[Fault]:
    """The proxy serves the organisations whose studies a runner runs."""
    for proxy in site.members("proxies"):
        patterns = site.value(proxy, "proxy_organisations", None)
        for host in site.members("runners") if patterns is not None else []:
            for name in site.value(host, "runner_allowed_organisations", []):
                if not any(is_like(name, text) for text in patterns):
                    sentence = (
                        f"proxy_organisations does not have {name}, whose studies {host} runs; it "
                        f"has {listed(patterns)}."
                    )
                    yield site.fault("proxy_organisations", sentence, proxy)


def actions(site: Site) -> Iterator[Fault]:
    """The organisation of reusable actions is on a declared forge, and the proxy serves it."""
    variable = "site_action_organisation"
    forge, _slash, owner = site.shared(variable, "").partition("/")
    forges = site.shared("site_forges", None)
    if not forge or not forges:
        return
    if forge not in forges:
        sentence = f"{variable} is on {forge}; accepted are {listed(forges)} of site_forges."
        yield site.fault(variable, sentence)
    for proxy in site.members("proxies"):
        patterns = site.value(proxy, "proxy_organisations", None)
        if patterns is not None and not any(is_like(owner, text) for text in patterns):
            sentence = (
                f"proxy_organisations does not have {owner} of {variable}; it has "
                f"{listed(patterns)}."
            )
            yield site.fault("proxy_organisations", sentence, proxy)


def site_images(site: Site) -> Iterator[Fault]:
    """Each image of the site is in a declared registry, and the proxy serves it."""
    registries = site.shared("site_registries", {})
    for entry in site.shared("site_images", []):
        repository = entry["repository"]
        registry = repository.partition("/")[0]
        if "." in registry and registry not in registries:
            sentence = (
                f"site_images has {repository} for {entry['name']}; accepted are namespaces of "
                f"site_registry_url and registries of site_registries, which has "
                f"{listed(registries)}."
            )
            yield site.fault("site_images", sentence)
        for proxy in site.members("proxies"):
            patterns = site.value(proxy, "proxy_images", None)
            if patterns is not None and not any(holds(text, repository) for text in patterns):
                sentence = (
                    f"proxy_images does not have {repository} of site_images; it has "
                    f"{listed(patterns)}."
                )
                yield site.fault("proxy_images", sentence, proxy)


def holds(pattern: str, name: str) -> bool:
    """Return whether a pattern of images has a name; `*` stands for no slash."""
    parts, names = pattern.split("/"), name.split("/")
    return len(parts) == len(names) and all(map(fnmatchcase, names, parts))


def requests(site: Site) -> Iterator[Fault]:
    """The job server takes only studies that the proxy fetches and a runner runs."""
    forges = site.shared("site_forges", {})
    runners = site.members("runners")
    lists = [site.value(host, "runner_allowed_organisations", []) for host in runners]
    run = {name.lower() for names in lists for name in names}
    for server in site.members("job_servers"):
        own = site.value(server, "job_server_forges", {}) if forges else {}
        for forge in sorted(own.keys() - forges.keys()):
            sentence = (
                f"job_server_forges has {forge}; accepted are {listed(forges)} of site_forges."
            )
            yield site.fault("job_server_forges", sentence, server)
        variable = "job_server_allowed_organisations"
        for name in site.value(server, variable, []) if run else []:
            if name.lower() not in run:
                sentence = f"{variable} has {name}, whose studies no runner runs; accepted are"
                yield site.fault(variable, f"{sentence} {listed(sorted(run))}.", server)


def references(site: Site) -> Iterator[Fault]:
    """Where the proxy refuses tags, runners know digests."""
    for proxy in site.members("proxies"):
        if site.value(proxy, "proxy_image_reference", "any") != "digest":
            continue
        for host in site.members("runners"):
            if site.value(host, "runner_image_digests", None) == {}:
                sentence = (
                    f"proxy_image_reference is digest, and runner_image_digests of {host} is "
                    "empty, so no image could be pulled; list the digests there."
                )
                yield site.fault("proxy_image_reference", sentence, proxy)


def images(site: Site) -> Iterator[Fault]:
    """The proxy serves the namespace of the images that a runner pulls."""
    for proxy in site.members("proxies"):
        patterns = site.value(proxy, "proxy_images", None)
        for host in site.members("runners") if patterns is not None else []:
            namespace = site.value(host, "runner_docker_proxy", "/").partition("/")[2]
            if namespace and not any(covers(text, namespace) for text in patterns):
                sentence = (
                    f"proxy_images has nothing below {namespace}, from where {host} pulls images; "
                    f"it has {listed(patterns)}."
                )
                yield site.fault("proxy_images", sentence, proxy)


def covers(pattern: str, namespace: str) -> bool:
    """Return whether a pattern of images can be one of a namespace."""
    parts, names = pattern.split("/"), namespace.split("/")
    pairs = zip(parts, names, strict=False)
    return len(parts) > len(names) and all(fnmatchcase(name, part) for part, name in pairs)


def archives(site: Site) -> Iterator[Fault]:
    """The proxy serves the archives that hosts get packages from."""
    for host in site.hosts:
        if not any("packages" in purpose for purpose in from_proxies(site, host)):
            continue
        names = [entry["name"] for entry in site.value(host, "site_archives", [])]
        if site.value(host, "site_archives", None) == []:
            sentence = "site_archives is empty, and site_apt_url has hosts take packages from them;"
            yield site.fault("site_archives", f"{sentence} list at least one archive.", host)
        for proxy in site.members("proxies"):
            served = site.value(proxy, "proxy_archives", None)
            known = {entry["name"] for entry in served or []}
            absent = [name for name in names if name not in known]
            if served is not None and absent:
                sentence = f"proxy_archives does not have {listed(absent)} of site_archives"
                yield site.fault("proxy_archives", f"{sentence}; it has {listed(known)}.", proxy)


def registries(site: Site) -> Iterator[Fault]:
    """The container engine trusts the certificate that the site's authority made for the proxy."""
    name = "container_engine_registries"
    supplied = any(
        "proxy" in site.value(proxy, "certificate_authority_supplied", {})
        for proxy in site.members("proxies")
    )
    for host in site.members("runners") if not supplied else []:
        registry = site.value(host, "runner_docker_proxy", "").partition("/")[0]
        trusted = site.value(host, name, None)
        if registry and trusted is not None and registry not in trusted:
            sentence = f"{name} does not have {registry}, which serves images; add it."
            yield site.fault(name, sentence, host)


RULES = [
    clients,
    time_clients,
    upstreams,
    organisations,
    actions,
    site_images,
    requests,
    references,
    images,
    archives,
    registries,
]
