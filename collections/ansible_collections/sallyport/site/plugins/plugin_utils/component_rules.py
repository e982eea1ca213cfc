"""Rules between groups, zones and values of components: what a site of this set-up must have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import GROUPS, ZONES, Site

# Where a component may be. The flow table of roles/firewall fits these zones and no others.
PLACES = {
    "job_servers": "zone_public",
    "proxies": "zone_dmz",
    "runners": "zone_secure",
    "databases": "zone_secure",
    "release_hatches": "zone_secure",
    "forges": "zone_internet",
}
# Values that every host must have alike: components on different hosts rely on each other's.
SHARED = [
    *("site_domain", "site_production", "site_networks", "site_job_server", "site_job_server_url"),
    *("site_job_server_address", "site_certificate_authority", "site_forges", "site_registry_url"),
    *("site_image_namespace", "site_version", "site_archives"),
    *("site_registries", "site_images", "site_action_organisation", "site_action_branch"),
]
LOCAL = ("example.org", "example.com", "example.net", "example", "test", "invalid", "localhost")
STATE = "/var/lib/sallyport/job_server/"
PUBLIC_NAMES = ["site_domain", "site_job_server_url", "site_hatch_url", "site_registry_url"]


def zones(site: Site) -> Iterator[Fault]:
    """Each host is in exactly one zone; only a trial on one host claims none."""
    if not site.claims_zones and len(site.hosts) == 1:
        return
    for host in site.hosts:
        held = [zone for zone in ZONES if host in site.members(zone)]
        if len(held) != 1:
            yield Fault(
                f"Host {host} is in {' and '.join(held) or 'no zone'}; put it in exactly one of "
                f"{listed(ZONES)}."
            )


def places(site: Site) -> Iterator[Fault]:
    """Each component is in the zone that its flows are declared for."""
    for group, accepted in PLACES.items():
        for host in site.members(group):
            for zone in ZONES:
                if host in site.members(zone) and zone != accepted:
                    yield Fault(f"Host {host} is in {group} and in {zone}; accepted is {accepted}.")


def required_groups(site: Site) -> Iterator[Fault]:
    """Every component that a site cannot do without has a host."""
    for group in ("proxies", "runners", "release_hatches"):
        if not site.members(group):
            yield Fault(f"No host is in {group}; put one there, as inventories/example does.")
    if site.own_job_server and not site.members("job_servers"):
        yield Fault(
            "site_job_server is own, but no host is in job_servers; put one there, or set "
            "site_job_server: existing to use a job server elsewhere."
        )
    for group in ("job_servers", "databases"):
        hosts = site.members(group)
        if len(hosts) > 1:
            yield Fault(
                f"{listed(hosts)} are in {group}; accepted is one host, for the service has one "
                "name."
            )


def idle_hosts(site: Site) -> Iterator[Fault]:
    """Every host runs something."""
    for host in site.hosts:
        if not any(host in site.members(group) for group in GROUPS):
            yield Fault(
                f"Host {host} is in none of {listed(GROUPS)}; put it in the group of what it runs, "
                "or remove it from hosts.yml."
            )


def hatches(site: Site) -> Iterator[Fault]:
    """A release hatch runs on the host that has the runner's files."""
    runners = site.members("runners")
    for host in site.members("release_hatches"):
        if host not in runners:
            yield Fault(
                f"Host {host} is in release_hatches but not in runners; a release hatch reads the "
                f"runner's files, so it must be one of {listed(runners, 'runners (now empty)')}."
            )


def backends(site: Site) -> Iterator[Fault]:
    """Two runners are two backends, with a token each: else both take the same job requests."""
    for name, what in (("runner_backend", "backend"), ("runner_job_server_token", "token")):
        for first, second in combinations(site.members("runners"), 2):
            value = site.value(first, name, None)
            if value is not None and value == site.value(second, name, None):
                yield site.fault(
                    name if name != "runner_backend" else "site_backend",
                    f"Hosts {first} and {second} are runners with the same {what}, so both would "
                    f"take the same job requests; give each its own {name} in host_vars.",
                )


def mappings(site: Site) -> Iterator[Fault]:
    """The data builder has a mapping of the backend whose jobs read the database."""
    for host in site.members("runners"):
        backend = site.value(host, "site_backend", None)
        mapped = site.value(host, "data_builder_backends", None)
        wanted = site.value(host, "site_database_endpoints", []) and backend is not None
        if wanted and isinstance(mapped, dict) and backend not in mapped:
            yield site.fault(
                "data_builder_backends",
                f"data_builder_backends has no mapping of {backend}, so its jobs could not read "
                f"the database; it has {listed(mapped)}. Name the mapping's file there, as "
                "docs/operators/install.md shows.",
                host,
            )


def job_server(site: Site) -> Iterator[Fault]:
    """The job server is this site's own, or elsewhere at a declared URL and address."""
    if not site.own_job_server:
        yield from job_server_elsewhere(site)
        return
    if site.shared("site_job_server_address", ""):
        yield site.fault(
            "site_job_server_address",
            "site_job_server_address is for a job server elsewhere; remove it, or set "
            "site_job_server: existing.",
        )
    if site.shared("site_trusted_keys", None) == []:
        yield site.fault(
            "site_trusted_keys",
            "site_trusted_keys is empty, so unsigned job requests would run; name your job "
            "server's public key, as inventories/example does.",
        )
    for host in site.members("release_hatches"):
        if site.value(host, "release_hatch_signing_key", None) == "":
            yield site.fault(
                "release_hatch_signing_key",
                "release_hatch_signing_key is missing (role release_hatch needs it); set it to "
                "vault_hatch_signing_key, as inventories/example does.",
                host,
            )


def job_server_elsewhere(site: Site) -> Iterator[Fault]:
    """An existing job server is not one of our hosts; it is named by URL and address."""
    ours = site.members("job_servers")
    if ours:
        yield Fault(
            f"site_job_server is existing, but {listed(ours)} is in job_servers; empty that group, "
            "or set site_job_server: own."
        )
    if not any(site.is_set(host, "site_job_server_url") for host in site.hosts):
        yield site.fault(
            "site_job_server_url",
            "site_job_server is existing, so site_job_server_url must be its URL; accepted is an "
            "https URL such as https://jobs.example.org.",
        )
    if site.shared("site_job_server_address", None) == "":
        yield site.fault(
            "site_job_server_address",
            "site_job_server is existing, so site_job_server_address must be its IPv4 address: the "
            "firewall lets nothing else through, and hosts find its name by it.",
        )


def task_api(site: Site) -> Iterator[Fault]:
    """A runner takes tasks, which have no signature, only from a controller elsewhere."""
    name = "runner_job_server"
    for host in site.members("runners"):
        if site.value(host, name, "classic") != "task_api":
            continue
        if site.own_job_server:
            yield site.fault(
                name,
                f"{name} is task_api, but site_job_server is own, which has no tasks; remove it, "
                "or set site_job_server: existing.",
                host,
            )
        elif site.value(host, "runner_trusted_keys", []):
            yield site.fault(
                "runner_trusted_keys",
                "runner_trusted_keys has a key, but tasks of the task API have no signature; empty "
                "it and site_trusted_keys, or set runner_job_server: classic.",
                host,
            )


def maintenance(site: Site) -> Iterator[Fault]:
    """The probe of database maintenance has a database to ask, and an image that jobs may use."""
    name = "runner_maintenance_image"
    for host in site.members("runners"):
        image = site.value(host, name, "")
        if not image:
            continue
        if site.value(host, "runner_database_url", None) == "":
            yield site.fault(
                name,
                f"{name} is {image}, but runner_database_url is empty, so there is no database to "
                "ask; remove it, or set runner_database_url.",
                host,
            )
        known = _image_names(site, host)
        if known and image.partition(":")[0] not in known:
            yield site.fault(
                name,
                f"{name} is {image}, which is not among the images of jobs; accepted is one of "
                f"{listed(known)}, with its tag.",
                host,
            )


def _image_names(site: Site, host: str) -> list[str]:
    """Return the images of jobs by name; none where a value is not understood."""
    plain = site.value(host, "runner_images", None)
    further = site.value(host, "site_images", None)
    if plain is None or further is None:
        return []
    return sorted({*plain, *(entry["name"] for entry in further)})


def shared_values(site: Site) -> Iterator[Fault]:
    """What components on different hosts rely on is the same on all of them."""
    for name in SHARED:
        holders = [host for host in site.hosts if site.is_set(host, name)]
        values = {host: site.value(host, name, None) for host in holders}
        for host in holders[1:]:
            if (
                None not in (values[host], values[holders[0]])
                and values[host] != values[holders[0]]
            ):
                yield site.fault(
                    name,
                    f"{name} differs between {holders[0]} and {host}; set it once, in "
                    "group_vars/all.",
                    host,
                )


def production(site: Site) -> Iterator[Fault]:
    """Real data is never processed on a trial, nor beside made-up patients."""
    if not site.shared("site_production", True):
        return
    if not site.claims_zones:
        yield site.fault(
            "site_production",
            "site_production is true, but no host is in a zone, so this is a trial; set "
            f"site_production: false, or put each host in exactly one of {listed(ZONES)}.",
        )
    for host, variables in site.inventory.variables.items():
        for name in variables:
            if name.startswith("demo_hospital_") and name in site.distribution.inputs:
                yield site.fault(
                    name,
                    f"site_production is true, but {name} is set, which makes made-up patients; "
                    "remove the variable, or set site_production: false.",
                    host,
                )
    yield from example_names(site)


def example_names(site: Site) -> Iterator[Fault]:
    """No name of a production site is one of those reserved for documentation and tests."""
    for name in PUBLIC_NAMES:
        value = str(site.shared(name, ""))
        host = urlsplit(value).hostname or value
        reserved = next((end for end in LOCAL if host == end or host.endswith(f".{end}")), None)
        derived = name != "site_domain" and host.endswith(str(site.shared("site_domain", "?")))
        if reserved and not derived:
            yield site.fault(
                name,
                f"{name} is {value}, and {reserved} is reserved for documentation and tests; "
                "accepted is a name of yours, or site_production: false.",
            )


def one_backend(site: Site) -> Iterator[Fault]:
    """Runner, hatch and publisher of one host are of one backend, whose hatch is this one."""
    own = ("runner_backend", "release_hatch_backend", "output_publisher_backend")
    for host in site.members("release_hatches"):
        names = {variable: site.value(host, variable, None) for variable in own}
        for variable in own[1:]:
            if None not in names.values() and names[variable] != names["runner_backend"]:
                changed = variable if site.is_set(host, variable) else "runner_backend"
                sentence = (
                    f"{variable} is {names[variable]}, and runner_backend is "
                    f"{names['runner_backend']}; remove both, and set site_backend for the host."
                )
                yield site.fault(changed, sentence, host)
        for server in site.members("job_servers") if site.own_job_server else []:
            url = site.value(host, "release_hatch_url", None)
            for entry in site.value(server, "job_server_backends", []):
                if entry["slug"] == names["release_hatch_backend"] and url is not None:
                    yield from hatch_faults(site, server, entry, url)


def hatch_faults(site: Site, server: str, entry: dict[str, Any], url: str) -> Iterator[Fault]:
    """Give a fault where the job server sends people to another hatch than a backend has."""
    told = entry.get("hatch_url") or ""
    if told != url:
        sentence = (
            f"job_server_backends has {told or 'no URL'} as hatch_url of {entry['slug']}, whose "
            f"hatch is {url}; set it to site_hatch_url."
        )
        yield site.fault("job_server_backends", sentence, server)


def databases(site: Site) -> Iterator[Fault]:
    """The job server can write its database, or log in to it."""
    name, secret = "job_server_database_url", "job_server_database_password"
    for host in site.members("job_servers"):
        url, password = site.value(host, name, None), site.value(host, secret, None)
        if url is None or password is None:
            continue
        if url.startswith("sqlite:"):
            if not url.startswith(f"sqlite:///{STATE}"):
                sentence = (
                    f"{name} is {url}; accepted is a file below {STATE}, the only folder that"
                )
                yield site.fault(name, f"{sentence} the service may write to.", host)
            if password:
                sentence = f"{secret} is set, and {name} is a file; remove one of the two."
                yield site.fault(secret, sentence, host)
        elif not password and urlsplit(url).hostname:
            sentence = f"{secret} is empty, and {name} is a server; set it, from the vault."
            yield site.fault(name, sentence, host)


def mail(site: Site) -> Iterator[Fault]:
    """A mail server is given with what it needs."""
    name, secret, sender = (f"job_server_mail_{one}" for one in ("server", "password", "sender"))
    for host in site.members("job_servers"):
        url = site.value(host, name, None) or ""
        password, address = (site.value(host, one, None) for one in (secret, sender))
        user = urlsplit(url).username
        if url and not address:
            sentence = f"{sender} is empty, and {name} is set; set the address that mail is from."
            yield site.fault(sender, sentence, host)
        if user and not password:
            sentence = f"{secret} is empty, and {name} has a user; set it, from the vault."
            yield site.fault(secret, sentence, host)
        if password and not user:
            sentence = f"{secret} is set, and {name} has no user; remove it, or add USER@."
            yield site.fault(secret, sentence, host)


def sign_on(site: Site) -> Iterator[Fault]:
    """A provider of log-ins is given with what it needs, each group once."""
    issuer, identifier, secret, roles = (
        f"job_server_oidc_{one}" for one in ("issuer", "client_id", "client_secret", "roles")
    )
    for host in site.members("job_servers"):
        given = {one: site.value(host, one, None) for one in (issuer, identifier, secret)}
        if given[issuer]:
            for name in (one for one, value in given.items() if not value):
                sentence = f"{name} is empty, and {issuer} is set; the provider gives you both."
                yield site.fault(name, sentence, host)
        elif given[secret]:
            sentence = f"{secret} is set, and {issuer} is empty; remove it, or set the issuer."
            yield site.fault(secret, sentence, host)
        groups = [one["group"] for one in site.value(host, roles, None) or []]
        for group in sorted({one for one in groups if groups.count(one) > 1}):
            yield site.fault(roles, f"{roles} has the group {group} twice; write it once.", host)


RULES = [
    *(one_backend, databases, mail, sign_on),
    *(zones, places, required_groups, idle_hosts, hatches, backends, mappings, job_server),
    *(task_api, maintenance),
    *(shared_values, production),
]
