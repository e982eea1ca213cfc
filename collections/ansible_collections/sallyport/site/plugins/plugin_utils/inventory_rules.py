"""The rules of the gate: what is wrong with an inventory, in one sentence about the first fault.

What is known comes from the roles (argument specifications, `__<role>_renamed`) and from the plays
that `site.yml` imports. Nothing is changed, and no secret's value is ever part of a sentence.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT
from ansible_collections.sallyport.site.plugins.plugin_utils.inventory_model import (
    Distribution,
    Inventory,
)

ZONES = ["zone_public", "zone_dmz", "zone_secure", "zone_internet"]
GROUPS = ["job_servers", "proxies", "runners", "databases", "release_hatches", "forges"]
PLACEHOLDER = re.compile(r"^\s*(CHANGE_ME|<[^<>]*>\s*$)")
COPY = "copy inventories/example to inventories/mysite, edit it, and use -i inventories/mysite"
GENERATE = "playbooks/operations/generate_secrets.yml makes it"
GIVEN = "the operators of the job server give it, so write it into vault.yml"
OWN_NAMES = ("ansible_", "vault_", "rig_", "group_", "inventory_", "playbook_", "_")
UNDEFINED = re.compile(r"'(\w+)' is undefined")


def one_of(words: list[str]) -> str:
    """Return words as a list for a sentence."""
    return ", ".join(words)


def nearest(word: str, known: Any, cutoff: float = 0.6) -> str | None:
    """Return the known word that looks most like this one."""
    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)


def presence(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """An inventory is named, exists, is not the pattern itself, and has hosts."""
    named = [path for path in inventory.sources if path != Path("/etc/ansible/hosts")]
    for path in named:
        if path.resolve().is_relative_to(ROOT / "inventories/example"):
            yield f"inventories/example is a pattern and is never deployed; {COPY}."
    if not inventory.variables:
        yield (
            f"The inventory {one_of([str(path) for path in named])} names no host; "
            "its hosts.yml lists them by group, as inventories/example/hosts.yml does."
            if named
            else f"No inventory is named; {COPY}."
        )


def group_names(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """No group is called almost like one of ours."""
    for group in set(inventory.groups) - {"all", "ungrouped", *GROUPS, *ZONES}:
        meant = nearest(group, [*GROUPS, *ZONES], 0.8)
        if meant:
            accepted = one_of([*GROUPS, *ZONES])
            yield f"Unknown group {group}, did you mean {meant}? Accepted are {accepted}."


def zones(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """Each host is in exactly one zone; only a trial on one host claims none."""
    claimed = {
        host: [zone for zone in ZONES if host in inventory.groups.get(zone, [])]
        for host in inventory.variables
    }
    accepted = f"put it in exactly one of {one_of(ZONES)}"
    if not any(claimed.values()) and len(claimed) == 1:
        return
    for host, held in claimed.items():
        if len(held) != 1:
            yield f"Host {host} is in {' and '.join(held) or 'no zone'}; {accepted}."


def hatches(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """A release hatch stands where the runner's files are."""
    runners = inventory.groups.get("runners", [])
    for host in inventory.groups.get("release_hatches", []):
        if host not in runners:
            yield (
                f"Host {host} is in release_hatches but not in runners; a release hatch reads the "
                f"runner's files, so it must be one of {one_of(runners) or 'runners (now empty)'}."
            )


def former_names(inventory: Inventory, known: Distribution) -> Iterator[str]:
    """No variable has a name from an earlier version."""
    names = {name for _, name, _ in inventory.each()}
    for entry in known.renamed:
        if entry["old"] in names:
            yield (
                f"{entry['old']} is now called {entry['new']}; rename it "
                f"(this check goes with version {entry['until']})."
            )


def spelling(inventory: Inventory, known: Distribution) -> Iterator[str]:
    """A variable that bears a role's prefix, or almost the name of an input, is an input."""
    for host, name, _ in inventory.each():
        if name in known.inputs or name.startswith(OWN_NAMES):
            continue
        role = next((role for role in known.options if name.startswith(f"{role}_")), None)
        meant = nearest(name, known.inputs, 0.6 if role else 0.9)
        if meant:
            yield f"Unknown variable {name} (host {host}), did you mean {meant}?"
        elif role:
            page = f"docs/operators/variables.md lists all of role {role}"
            yield f"Unknown variable {name} (host {host}); {page}."


def strings(value: Any) -> Iterator[str]:
    """Give every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from strings(part)


def placeholders(inventory: Inventory, known: Distribution) -> Iterator[str]:
    """No value waits to be filled in."""
    waiting = {
        name
        for _, name, value in inventory.each()
        if any(PLACEHOLDER.match(text) for text in strings(value))
    }
    if waiting:
        first = sorted(waiting)[0]
        option = known.inputs.get(first)
        wanted = f"accepted is {described(option)}" if option else GENERATE
        yield f"A placeholder still stands in {one_of(sorted(waiting))}; {wanted}."


def described(option: Mapping[str, Any]) -> str:
    """Return what an input accepts."""
    if option.get("choices"):
        return f"one of {one_of([str(choice) for choice in option['choices']])}"
    text = option.get("description", "")
    prose = " ".join(text) if isinstance(text, list) else str(text)
    return f"{option.get('type', 'str')}, {prose.strip().rstrip('.')}"


def required(inventory: Inventory, known: Distribution) -> Iterator[tuple[str, str, str]]:
    """Give host, role and input for everything that a play needs and does not set itself."""
    for play in known.plays:
        for role in play.roles:
            for name, option in known.options.get(role, {}).items():
                if option.get("required") and name not in play.given:
                    yield from ((host, role, name) for host in inventory.hosts_of(play.hosts))


def missing(inventory: Inventory, known: Distribution) -> Iterator[str]:
    """Every role finds its required inputs on the hosts that it is deployed to."""
    for host, role, name in required(inventory, known):
        if inventory.variables[host].get(name) in (None, ""):
            accepted = described(known.inputs[name])
            yield f"{name} is missing for host {host} (role {role}); accepted is {accepted}."


def kinds(inventory: Inventory, known: Distribution) -> Iterator[str]:
    """Every value can be evaluated, and is of the type and among the choices of its input."""
    for host, name, _ in inventory.each():
        option = known.inputs.get(name)
        if option is None:
            continue
        try:
            value = inventory.evaluate(host, name)
        except AnsibleError as error:
            yield unresolved(host, name, str(error), known.given_secrets)
            continue
        fault = fault_of(name, option, value)
        if fault:
            yield f"{name} is not valid for host {host}: {fault}; accepted is {described(option)}."


def unresolved(host: str, name: str, error: str, given: set[str]) -> str:
    """Return the sentence for a value that refers to something undefined."""
    found = UNDEFINED.search(error)
    if found and found[1].startswith("vault_"):
        source = GIVEN if found[1] in given else GENERATE
        return f"{found[1]} is missing in the vault ({name} needs it on host {host}); {source}."
    told = f"refers to {found[1]}, which nothing defines" if found else "cannot be evaluated"
    return f"{name} {told} (host {host}); set it, or give {name} a plain value."


def fault_of(name: str, option: Mapping[str, Any], value: Any) -> str | None:
    """Return what is wrong with an input's value; a secret's is never quoted."""
    result = ArgumentSpecValidator({name: {**option, "no_log": False}}).validate({name: value})
    if not result.error_messages:
        empty = option.get("required") and value in (None, "")
        return "it is empty" if empty else None
    return "its type is wrong" if option.get("no_log") else result.error_messages[0].rstrip(".")


def forms(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """Domain and backend have the form that names and paths need."""
    domain, backend = inventory.site("site_domain", ""), inventory.site("site_backend", "")
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", domain):
        yield f"site_domain is {domain}; it must be a lower-case domain such as tre.example.org."
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", backend) or backend in {
        "test",
        "expectations",
    }:
        yield (
            f"site_backend is {backend}; it must be 2 to 40 lower-case letters, digits and "
            "hyphens, and neither test nor expectations."
        )


def addresses(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """Each address of a host lies in the network that it is listed under."""
    networks = inventory.site("site_networks", {})
    for host, held in inventory.variables.items():
        own = inventory.evaluate(host, "site_addresses") if "site_addresses" in held else {}
        for network, address in own.items():
            if network not in networks:
                accepted = one_of(list(networks))
                yield f"Host {host} has an address in {network}; site_networks has only {accepted}."
            elif not inside(address, networks[network]):
                wanted = f"an IP address in {networks[network]}"
                yield f"Host {host} has {address} in {network}; site_networks wants {wanted} there."


def inside(address: str, network: str) -> bool:
    """Tell whether an address lies in a network; what is neither lies nowhere."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def production(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """Real data is never processed on a trial, nor beside made-up patients."""
    if not inventory.site("site_production", True):
        return
    if not any(inventory.groups.get(zone) for zone in ZONES):
        yield (
            "site_production is true, but the inventory claims no zones, so it is a trial; set "
            f"site_production: false, or put each host in exactly one of {one_of(ZONES)}."
        )
    for host, name, value in inventory.each():
        if name.startswith("demo_hospital_") and (name, value) != ("demo_hospital_state", "absent"):
            yield (
                f"site_production is true, but {name} (host {host}) asks for made-up patients; "
                "remove the variable, or set site_production: false."
            )


def job_server(inventory: Inventory, _known: Distribution) -> Iterator[str]:
    """The job server is this site's own, or stands elsewhere at a declared place."""
    if inventory.site("site_job_server", "own") == "existing":
        yield from elsewhere(inventory)
        return
    if not inventory.groups.get("job_servers"):
        yield (
            "site_job_server is own, but no host is in job_servers; put one there, or set "
            "site_job_server: existing to work with a job server elsewhere."
        )
    if inventory.site("site_job_server_address", ""):
        yield (
            "site_job_server_address is for a job server elsewhere; remove it, or set "
            "site_job_server: existing."
        )
    keys = inventory.site("site_trusted_keys", None)
    if keys is not None and not keys:
        yield (
            "site_trusted_keys is empty, so unsigned job requests would run; name your job "
            "server's public key, as inventories/example does."
        )
    for host in inventory.hosts_without("release_hatch_signing_key", "release_hatches"):
        yield (
            f"release_hatch_signing_key is missing for host {host} (role release_hatch); set it to "
            "vault_hatch_signing_key, as inventories/example does."
        )


def elsewhere(inventory: Inventory) -> Iterator[str]:
    """A job server elsewhere is none of our hosts, and is found by URL and address."""
    ours = inventory.groups.get("job_servers", [])
    if ours:
        yield (
            f"site_job_server is existing, but {one_of(ours)} is in job_servers; empty that group, "
            "or set site_job_server: own."
        )
    url = urlsplit(inventory.site("site_job_server_url", ""))
    if url.scheme != "https" or not url.hostname:
        yield (
            "site_job_server is existing, so site_job_server_url must name it; accepted is an "
            "https URL such as https://jobs.example.org."
        )
    if not inside(inventory.site("site_job_server_address", ""), "0.0.0.0/0"):
        yield (
            "site_job_server is existing, so site_job_server_address must be its IPv4 address: the "
            "firewall lets nothing else through, and hosts find its name by it."
        )


RULES = [presence, group_names, zones, hatches, former_names, spelling, placeholders]
VALUE_RULES = [missing, kinds, forms, addresses, production, job_server]


def inventory_fault(inventory: Mapping[str, Any], values: bool = True) -> str | None:
    """Return the sentence about the first fault, or None; `values` off judges names only."""
    return first_fault(Inventory(**inventory), Distribution(ROOT), values)


def first_fault(inventory: Inventory, known: Distribution, values: bool) -> str | None:
    """Return the first sentence that a rule has, or None."""
    for rule in [*RULES, *(VALUE_RULES if values else [])]:
        fault = next(rule(inventory, known), None)
        if fault:
            return fault
    return None
