"""Rules within one component's values: names are unique, and what one names, another declares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.firewall_rules import (
    CONNECTIONS,
    connection,
    everybody,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import addresses_of
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

# Lists whose elements have a name, by the key that holds it.
NAMED = {
    "job_server_administrators": "username",
    "site_archives": "name",
    "postgresql_databases": "name",
    "postgresql_roles": "name",
}
# Databases that PostgreSQL has, or means, by itself.
BUILT_IN = {"all", "postgres", "template1"}


def repeated_names(site: Site) -> Iterator[Fault]:
    """No list has an element of one name twice."""
    for host in site.hosts:
        for variable, key in NAMED.items():
            names = [entry[key] for entry in site.value(host, variable, [])]
            for name in sorted({name for name in names if names.count(name) > 1}):
                sentence = f"{variable} has the {key} {name} twice; remove one of the two."
                yield site.fault(variable, sentence, host)


def database_names(site: Site) -> Iterator[Fault]:
    """What one value of the database server names, another one declares."""
    for host in site.members("databases"):
        for variable, sentence in undeclared(site, host):
            yield site.fault(variable, sentence, host)


def undeclared(site: Site, host: str) -> Iterator[tuple[str, str]]:
    """Give variable and sentence for each name that nothing of a database server declares."""
    databases = site.value(host, "postgresql_databases", [])
    names = [entry["name"] for entry in databases]
    roles = [entry["name"] for entry in site.value(host, "postgresql_roles", [])]
    for entry in site.value(host, "postgresql_access", []):
        if entry["database"] not in {*names, *BUILT_IN}:
            yield (
                "postgresql_access",
                f"postgresql_access names the database {entry['database']}; accepted are "
                f"{listed(names)} of postgresql_databases.",
            )
        if everybody([entry["address"]]):
            yield (
                "postgresql_access",
                f"postgresql_access opens {entry['database']} to every address; accepted is a "
                "network of the hosts that connect.",
            )
    owners = {entry["owner"] for entry in databases if entry.get("owner")} - {"postgres"}
    for owner in sorted(owners - set(roles)):
        yield (
            "postgresql_databases",
            f"postgresql_databases has the owner {owner}; accepted are {listed(roles)} of "
            "postgresql_roles.",
        )


def database_server(site: Site) -> Iterator[Fault]:
    """The database server listens where its host is, with a certificate and its key."""
    for host in site.members("databases"):
        own = [*addresses_of(site, host).values(), "localhost"]
        for text in site.value(host, "postgresql_listen_addresses", []):
            if len(own) > 1 and text not in own:
                sentence = (
                    f"postgresql_listen_addresses has {text}, which {host} does not have; accepted "
                    f"are {listed(own)}."
                )
                yield site.fault("postgresql_listen_addresses", sentence, host)
        files = ("postgresql_certificate_file", "postgresql_certificate_key_file")
        absent = [name for name in files if site.value(host, name, "-") == ""]
        if len(absent) == 1:
            sentence = f"{absent[0]} is empty; a certificate and its key are set together."
            yield site.fault(absent[0], sentence, host)


def connections(site: Site) -> Iterator[Fault]:
    """Ansible reaches each host by a name and a port, and can still do so afterwards."""
    for host in site.hosts:
        name = reach(site, host, "ansible_host")
        if name is not None and not is_host(name):
            sentence = f"ansible_host is {name}; accepted is a host name or an address."
            yield site.fault("ansible_host", sentence, host)
        port = reach(site, host, "ansible_port")
        if port is not None and not (str(port).isdigit() and 1 <= int(port) <= 65535):
            sentence = f"ansible_port is {port}; accepted is a port from 1 to 65535."
            yield site.fault("ansible_port", sentence, host)
        hardened = site.value(host, "baseline_ssh_hardening", True)
        by_ssh = connection(site, host) in CONNECTIONS
        if hardened and by_ssh and reach(site, host, "ansible_user") == "root":
            sentence = (
                "ansible_user is root, whom sshd will refuse; accepted is a user with sudo, or "
                "baseline_ssh_hardening: false."
            )
            yield site.fault("ansible_user", sentence, host)


def reach(site: Site, host: str, name: str) -> Any:
    """Return one of the values by which Ansible reaches a host, None where it is not set."""
    return site.value(host, name, None) if site.is_set(host, name) else None


def is_host(value: Any) -> bool:
    """Return whether a value has the letters of a host name or an address, and no others."""
    return isinstance(value, str) and re.fullmatch(r"[\w.:%-]+", value) is not None


RULES = [repeated_names, database_names, database_server, connections]
