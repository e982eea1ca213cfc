"""Rules about single values: set where a role needs them, evaluable, of the declared form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible.errors import AnsibleError

from ansible_collections.sallyport.site.plugins.plugin_utils.declared_values import described
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault
from ansible_collections.sallyport.site.plugins.plugin_utils.name_rules import (
    GENERATE,
    GIVEN,
    is_placeholder,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

UNDEFINED = re.compile(r"'(\w+)' is undefined")
UNREADABLE = re.compile(
    r"(?:could not locate file|The file|unable to access the file)[^:]*:? '?([^'\n]+)'?"
)


def required(site: Site) -> Iterator[tuple[str, str, str]]:
    """Give host, role and input for everything that a play needs and does not set itself."""
    for play in site.distribution.plays:
        for role in play.roles:
            for name, option in site.distribution.options.get(role, {}).items():
                if option.get("required") and name not in play.inputs:
                    yield from ((host, role, name) for host in site.inventory.hosts_of(play.hosts))


def missing(site: Site) -> Iterator[Fault]:
    """Every role gets its required inputs on the hosts that it is deployed to."""
    for host, role, name in required(site):
        if site.inventory.variables[host].get(name) in (None, ""):
            form = site.distribution.formats.get(name, "")
            accepted = described(site.distribution.inputs[name], form)
            sentence = f"{name} is missing (role {role} needs it); accepted is {accepted}."
            yield site.fault(name, sentence, host)


def values(site: Site) -> Iterator[Fault]:
    """Every value can be evaluated, and already is of the form that its variable declares."""
    for host, variables in site.inventory.variables.items():
        for name in variables:
            if name in site.distribution.inputs and not is_placeholder(variables[name]):
                yield from value_faults(site, host, name)


def value_faults(site: Site, host: str, name: str) -> Iterator[Fault]:
    """Give what is wrong with one value of one host."""
    try:
        sentences, value = site.value_faults(host, name)
    except AnsibleError as error:
        yield site.fault(name, unresolved(site, name, str(error)), host)
        return
    if site.distribution.inputs[name].get("required") and value == "":
        return  # `missing` names it
    for sentence in sentences:
        if site.inventory.variables[host][name] not in (None, "") or not is_required(site, name):
            yield site.fault(name, sentence, host)


def is_required(site: Site, name: str) -> bool:
    """Return whether an input is declared as required."""
    return bool(site.distribution.inputs[name].get("required"))


def unresolved(site: Site, name: str, error: str) -> str:
    """Return the sentence for a value that refers to something undefined or unreadable."""
    undefined = UNDEFINED.search(error)
    if undefined and undefined[1].startswith("vault_"):
        given = site.distribution.secrets.get(undefined[1]) == "given"
        source = GIVEN if given else GENERATE
        return f"{undefined[1]} is missing in the vault ({name} needs it); {source}."
    if undefined:
        return (
            f"{name} refers to {undefined[1]}, which is not defined; set it, or correct the name."
        )
    option = site.distribution.inputs[name]
    reason = "" if option.get("no_log") else f": {' '.join(error.split())[:200].rstrip('.')}"
    return f"{name} cannot be evaluated{reason}. Correct the expression or the file that it reads."


RULES = [missing, values]
