"""Rules about a database server of ours: jobs find it, and it lets them in.

No sentence here repeats a part of the URL by which jobs log in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import addresses_of
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

URL = "runner_database_url"
ENDPOINTS = "site_database_endpoints"
# Settings that a variable of the role makes, and what an operator does in their place.
MANAGED = {
    "port": "set postgresql_port",
    "listen_addresses": "set postgresql_listen_addresses",
    "ssl": "set postgresql_certificate_file",
    "ssl_cert_file": "set postgresql_certificate_file",
    "ssl_key_file": "set postgresql_certificate_key_file",
    "password_encryption": "passwords are kept as scram-sha-256",
}
# What leads around every grant, and what no job could log in with.
POWERS = ("SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS", "NOLOGIN")
FOLDER = "/etc/sallyport/tls/"
ISSUED = f"{FOLDER}postgresql.crt"
FILES = {
    "postgresql_certificate_file": ISSUED,
    "postgresql_certificate_key_file": f"{FOLDER}postgresql.key",
}


def own_endpoints(site: Site, host: str) -> list[dict[str, Any]]:
    """Return the endpoints that are at an address of a host."""
    own = set(addresses_of(site, host).values())
    return [entry for entry in site.shared(ENDPOINTS, []) if entry["address"] in own]


def endpoints(site: Site) -> Iterator[Fault]:
    """Our server listens where the endpoint of it says, and has its name."""
    for host in site.members("databases"):
        declared = own_endpoints(site, host)
        for variable, sentence in endpoint_faults(site, host, declared) if declared else ():
            set_here = site.is_set(host, variable)
            yield site.fault(variable if set_here else ENDPOINTS, sentence, host)


def endpoint_faults(
    site: Site, host: str, declared: list[dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Give variable and sentence for what differs between a server and the endpoints of it."""
    port, ports = site.value(host, "postgresql_port", None), [one["port"] for one in declared]
    if port is not None and port not in ports:
        yield (
            "postgresql_port",
            f"postgresql_port is {port}, and {ENDPOINTS} has {declared[0]['name']} at "
            f"{listed(map(str, ports))}; accepted is one number in both.",
        )
    listening = site.value(host, "postgresql_listen_addresses", None)
    addresses = list(dict.fromkeys(one["address"] for one in declared))
    if listening is not None and not set(addresses) & set(listening):
        yield (
            "postgresql_listen_addresses",
            f"postgresql_listen_addresses is {listed(listening, 'empty')}, and {ENDPOINTS} has "
            f"{listed(addresses)}, so no job could connect; add it.",
        )
    names = [one["name"] for one in declared]
    if issued(site, host) and server_name(site) not in names:
        yield (
            ENDPOINTS,
            f"{ENDPOINTS} has {host} as {listed(names)}; accepted is {server_name(site)}, the name "
            "in its certificate.",
        )


def issued(site: Site, host: str) -> bool:
    """Return whether a server shows the certificate that the site's authority makes for it."""
    supplied = site.value(host, "certificate_authority_supplied", {})
    return (
        site.value(host, "postgresql_certificate_file", "") == ISSUED
        and "postgresql" not in supplied
    )


def server_name(site: Site) -> str:
    """Return the name that the certificate of our database server has."""
    return f"database.{site.shared('site_domain', '')}"


def certificates(site: Site) -> Iterator[Fault]:
    """The server's certificate and key are files that its host gets, or files of the site's."""
    for host in site.members("databases"):
        for name, issued_file in FILES.items():
            value = site.value(host, name, "")
            if value.startswith(FOLDER) and value != issued_file:
                sentence = f"{name} is {value}, which no host gets; accepted is {issued_file}, or a"
                yield site.fault(name, f"{sentence} file of yours elsewhere.", host)


def access(site: Site) -> Iterator[Fault]:
    """Our server lets the runner's jobs in."""
    for host in site.members("databases"):
        held = site.value(host, "postgresql_access", None)
        if held is None or not own_endpoints(site, host):
            continue
        allowed = [ipaddress.ip_network(entry["address"]) for entry in held]
        for runner in site.members("runners"):
            seen = sources(site, runner, host)
            if seen and not any(one.overlaps(net) for one in seen for net in allowed):
                sentence = (
                    f"postgresql_access has no network with {listed(map(str, seen))}, from where "
                    f"the jobs of {runner} connect; add it."
                )
                yield site.fault("postgresql_access", sentence, host)


def sources(site: Site, runner: str, host: str) -> list[ipaddress.IPv4Network]:
    """Return the addresses from which a server sees jobs: the network of jobs on its own host."""
    if runner == host:
        subnet = site.value(runner, "runner_database_network_subnet", None)
        return [ipaddress.IPv4Network(subnet)] if subnet else []
    there = addresses_of(site, host)
    shared = [text for name, text in addresses_of(site, runner).items() if name in there]
    return [ipaddress.IPv4Network(text) for text in shared]


def log_ins(site: Site) -> Iterator[Fault]:
    """Jobs log in to our server as somebody it knows, by the name in its certificate."""
    for host in site.members("databases"):
        names = {
            name
            for entry in own_endpoints(site, host)
            for name in (entry["name"], entry["address"])
        }
        for runner in site.members("runners"):
            parts = urlsplit(site.value(runner, URL, ""))
            if parts.hostname in names:
                for sentence in log_in_faults(site, host, parts):
                    yield site.fault(URL, sentence, runner)


def log_in_faults(site: Site, host: str, parts: SplitResult) -> Iterator[str]:
    """Give what keeps a log-in by this URL out of our server."""
    if issued(site, host) and parts.hostname != server_name(site):
        yield (
            f"{URL} does not name {host} as its certificate does; accepted is {server_name(site)}."
        )
    held = site.value(host, "postgresql_access", [])
    user, database = unquote(parts.username or ""), parts.path.lstrip("/")
    users = let_in(site, host)
    databases = sorted({entry["database"] for entry in held if entry["user"] in (user, "all")})
    if held and users is not None and user not in users:
        accepted = f"accepted is {listed(sorted(users))} of postgresql_access"
        yield f"{URL} has a user whom {host} does not let in; {accepted}."
    elif databases and database not in databases and "all" not in databases:
        accepted = f"accepted is {listed(databases)} of postgresql_access"
        yield f"{URL} has a database that {host} does not open to its user; {accepted}."
    roles = {entry["name"]: entry for entry in site.value(host, "postgresql_roles", [])}
    for word in roles.get(user, {}).get("attributes", "").upper().split(","):
        if word in POWERS:
            yield f"{URL} logs in as a role with {word} of postgresql_roles; remove {word} there."
    password = site.value(host, "postgresql_passwords", {}).get(user)
    if password is not None and password != unquote(parts.password or ""):
        yield (
            f"{URL} has another password than postgresql_passwords has for its user; set both to "
            "the same name of the vault."
        )


def let_in(site: Site, host: str) -> set[str] | None:
    """Return the roles that a server lets in from the network, None where these are not known.

    The user `all` stands for each of the server's own roles.
    """
    access = site.value(host, "postgresql_access", None)
    users = {entry["user"] for entry in access or []}
    roles = site.value(host, "postgresql_roles", None) if "all" in users else []
    if access is None or roles is None:
        return None
    named = {entry["name"] for entry in roles if not is_without_login(entry)}
    return users - {"all"} | named


def is_without_login(role: dict[str, str]) -> bool:
    """Return whether a role stands for a group of others, and nobody logs in as it."""
    return "NOLOGIN" in role.get("attributes", "").upper().split(",")


def settings(site: Site) -> Iterator[Fault]:
    """No free setting takes the place of a variable."""
    for host in site.hosts:
        held = site.value(host, "postgresql_settings", {})
        for name, cure in ((name, MANAGED.get(name.lower())) for name in held):
            if cure is None:
                continue
            sentence = f"postgresql_settings has {name}; remove it there, and {cure}."
            if name.lower() == "password_encryption":
                sentence = f"postgresql_settings has {name}; remove it, for {cure}."
            yield site.fault("postgresql_settings", sentence, host)


def firewalls(site: Site) -> Iterator[Fault]:
    """The firewall of a runner's host lets jobs through to the database that they log in to."""
    variable = "firewall_database_endpoints"
    for runner in site.members("runners"):
        name = urlsplit(site.value(runner, URL, "")).hostname
        opened = site.value(runner, variable, None)
        wanted = [
            entry
            for entry in site.value(runner, ENDPOINTS, [])
            if name in (entry["name"], entry["address"])
        ]
        addresses = {entry["address"] for entry in opened or []}
        if opened is not None and wanted and wanted[0]["address"] not in addresses:
            sentence = (
                f"{variable} does not have {wanted[0]['address']}, the database of {URL}; add it, "
                f"or remove {variable}."
            )
            yield site.fault(variable, sentence, runner)


RULES = [endpoints, certificates, access, log_ins, settings, firewalls]
