"""Rules within one component's values: names are unique, and what one names, another declares."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.firewall_rules import everybody
from ansible_collections.sallyport.site.plugins.plugin_utils.network_rules import addresses_of
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

# Lists whose elements have a name, by the key that holds it.
NAMED = {
    "job_server_administrators": "username",
    "site_archives": "name",
    "site_images": "name",
    "postgresql_databases": "name",
    "postgresql_roles": "name",
    "forge_accounts": "username",
    "forge_images": "reference",
    "firewall_additional_flows": "id",
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
    databases = site.value(host, "postgresql_databases", None)
    names = [entry["name"] for entry in databases or []]
    for entry in site.value(host, "postgresql_access", []):
        if databases is not None and entry["database"] not in {*names, *BUILT_IN}:
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
    held = site.value(host, "postgresql_roles", None)
    if held is not None:  # else a fault of its own says what is wrong with them
        yield from unknown_roles(site, host, [entry["name"] for entry in held])


def unknown_roles(site: Site, host: str, roles: list[str]) -> Iterator[tuple[str, str]]:
    """Give variable and sentence for each role that a database server does not have."""
    users = {entry["user"] for entry in site.value(host, "postgresql_access", [])} - {"all"}
    for name, used in (
        ("postgresql_access", users),
        ("postgresql_passwords", set(site.value(host, "postgresql_passwords", {}))),
    ):
        for role in sorted(used - set(roles)):
            accepted = f"accepted are {listed(roles)} of postgresql_roles"
            yield name, f"{name} names the role {role}; {accepted}."
    databases = site.value(host, "postgresql_databases", [])
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


RULES = [repeated_names, database_names, database_server]
