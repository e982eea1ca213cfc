"""Rules about URLs and names: each is one component's, and what a URL names answers to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from urllib.parse import urlsplit

from ansible_collections.sallyport.site.plugins.filter.host_entries import SERVICES
from ansible_collections.sallyport.site.plugins.filter.host_entries import names_of as known_as
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import addresses_of
from ansible_collections.sallyport.site.plugins.plugin_utils.secret_rules import CERTIFICATES
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import GROUPS, Site

HTTPS = 443
# The values that lead to a component of ours, by the group of its host.
LEADING = {
    "job_servers": (
        "job_server",
        (
            *("site_job_server_url", "job_server_url", "runner_job_server_url"),
            *("release_hatch_job_server_url", "output_publisher_job_server_url"),
        ),
    ),
    "release_hatches": ("release_hatch", ("site_hatch_url", "release_hatch_url")),
}
# Those that lead to the proxy, and the name that its policy has for each kind of request.
PROXY = {
    "runner_github_proxy": "github-proxy",
    "runner_docker_proxy": "docker-proxy",
    "data_builder_image": "docker-proxy",
    "site_apt_url": "archive",
    "baseline_apt_url": "archive",
}
# What is elsewhere, and may be on one machine: a forge can have a registry.
UPSTREAM = ("site_registry_url", "site_registries", "site_forges", "site_archives")
Name = tuple[str, str, str]
"""Variable, name for people, host."""


def served(site: Site, group: str, component: str) -> list[str]:
    """Return the host names that a component answers to."""
    sites = [
        entry
        for host in site.members(group)
        for entry in site.value(host, f"{component}_virtual_hosts", [])
    ]
    return list(dict.fromkeys(name for entry in sites for name in entry.get("server_names", [])))


def own_names(site: Site) -> set[str]:
    """Return every name that hosts of ours have, or answer to."""
    domain, groups = site.shared("site_domain", "?"), {name: site.members(name) for name in GROUPS}
    known = {name for host in site.hosts for name in known_as(groups, host, domain)}
    return known | {name for pair in CERTIFICATES.items() for name in served(site, *pair)}


def leading(site: Site) -> Iterator[Fault]:
    """A URL that leads to a component of ours has its name, and a port that is open."""
    domain = site.shared("site_domain", "")
    wanted = {variable: [f"{name}.{domain}"] for variable, name in PROXY.items()}
    for group, (component, variables) in LEADING.items():
        wanted |= dict.fromkeys(variables, served(site, group, component))
    for host in site.hosts:
        for variable, names in wanted.items():
            value = site.value(host, variable, "") if site.is_set(host, variable) else ""
            if not value or not names or is_own_archive(site, host, variable, value):
                continue
            for told in url_faults(variable, value, names):
                yield site.fault(variable, told, host)


def answering(site: Site) -> Iterator[Fault]:
    """A web server that an inventory describes itself answers to the component's URL."""
    for group, (component, (variable, *_)) in LEADING.items():
        described = f"{component}_virtual_hosts"
        for host in site.members(group):
            name = urlsplit(site.value(host, variable, "")).hostname
            if site.is_set(host, described) and name not in served(site, group, component):
                sentence = f"{described} does not have {name}, the host of {variable}; add it to"
                yield site.fault(described, f"{sentence} the server_names.", host)


def url_faults(variable: str, value: str, names: list[str]) -> Iterator[str]:
    """Give what is wrong with a URL, or a registry with a namespace, that leads to a component."""
    parts = urlsplit(value if "://" in value else f"https://{value}")
    if parts.hostname not in names:
        if variable.endswith("apt_url"):
            names = [*names, "a name of your own in baseline_host_entries"]
        yield (
            f"{variable} has the host {parts.hostname}, to which this site does not answer; "
            f"accepted is {' or '.join(names)}."
        )
    elif parts.port not in (None, HTTPS):
        yield f"{variable} has the port {parts.port}; accepted is {HTTPS}, the only one open there."
    elif parts.path and PROXY.get(variable) != "docker-proxy":
        yield f"{variable} has the path {parts.path}; accepted is https://{parts.hostname}."


def is_own_archive(site: Site, host: str, variable: str, value: str) -> bool:
    """Return whether a URL is that of a package archive of the site's own, which a host can find.

    In the domain of the site a host has to know the name, which could be one of ours misspelt.
    """
    domain, name = site.shared("site_domain", "?"), urlsplit(value).hostname or ""
    if not variable.endswith("apt_url"):
        return False
    if not name.endswith(f".{domain}"):
        return True
    resolves = site.value(host, "baseline_resolver", "files") == "system"
    return name not in own_names(site) and (
        resolves or name in {known for known, *_ in host_names(site, host)}
    )


def names_of(site: Site) -> Iterator[Name]:
    """Give every name by which something is reached, with the variable that has it."""
    for variable in ("site_job_server_url", "site_hatch_url", "site_registry_url"):
        yield variable, variable, urlsplit(site.shared(variable, "")).hostname or ""
    for variable in ("site_forges", "site_registries"):
        for key, url in site.shared(variable, {}).items():
            yield variable, f"{variable}.{key}", urlsplit(url).hostname or ""
    for number, entry in enumerate(site.shared("site_archives", [])):
        host = urlsplit(entry["url"]).hostname or ""
        yield "site_archives", f"site_archives[{number}].url", host
    for number, entry in enumerate(site.shared("site_database_endpoints", [])):
        yield "site_database_endpoints", f"site_database_endpoints[{number}].name", entry["name"]
    for name in served(site, "proxies", "proxy"):
        yield "proxy_virtual_hosts", "the proxy", name


def is_elsewhere(site: Site, variable: str, name: str) -> bool:
    """Return whether what a variable names is on no host of ours."""
    if variable == "site_job_server_url":
        return not site.own_job_server
    if variable == "site_database_endpoints":
        ours = {text for host in site.hosts for text in addresses_of(site, host).values()}
        held = site.shared(variable, [])
        return not any(one["name"] == name and one["address"] in ours for one in held)
    return variable in UPSTREAM


def distinct(site: Site) -> Iterator[Fault]:
    """No two components are reached by one name."""
    for (first, label, name), (second, other_label, other) in combinations(names_of(site), 2):
        both_elsewhere = is_elsewhere(site, first, name) and is_elsewhere(site, second, name)
        # `endpoints` names two endpoints of one name, which may have two ports.
        if name == other and name and first != second and not both_elsewhere:
            yield site.fault(
                first if any(site.is_set(host, first) for host in site.hosts) else second,
                f"{label} and {other_label} have the host {name}; accepted is a name of its own "
                "for each.",
            )


def entries(site: Site) -> Iterator[Fault]:
    """A host finds every name at one address."""
    for host in site.hosts:
        known: dict[str, str] = {}
        for name, address, variable in host_names(site, host):
            if known.setdefault(name, address) != address:
                yield site.fault(
                    variable,
                    f"{variable} has {name} at {address}, which is at {known[name]} already "
                    "(site_host_entries); accepted is one address for a name.",
                    host,
                )


def host_names(site: Site, host: str) -> Iterator[tuple[str, str, str]]:
    """Give each name that a host finds without a resolver, its address, and the variable."""
    own = "baseline_host_entries"
    variable = own if site.is_set(host, own) else "site_host_entries"
    for entry in site.value(host, variable, []):
        yield from ((name, entry["address"], variable) for name in entry["names"])
    if host in site.members("runners"):
        for entry in site.value(host, "site_database_endpoints", []):
            yield entry["name"], entry["address"], "site_database_endpoints"


def host_labels(site: Site) -> Iterator[Fault]:
    """No host is named as a service that another one runs."""
    for host in site.hosts:
        for group, services in SERVICES.items():
            members = site.members(group)
            if host in services and members and host not in members:
                yield Fault(
                    f"Host {host} has the name of the service that {listed(members)} of {group} "
                    "runs, so two hosts would have one name; rename it in hosts.yml."
                )


RULES = [leading, answering, distinct, entries, host_labels]
