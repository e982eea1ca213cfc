"""Rules about how Ansible reaches a host: by what, as whom, and that it still can afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, nearest
from ansible_collections.sallyport.site.plugins.plugin_utils.firewall_rules import (
    CONNECTIONS,
    connection,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site
from ansible_collections.sallyport.site.plugins.plugin_utils.url_rules import own_names

# Names that ansible-core itself, and Mitogen, turn into those of a plugin.
ALIASES = ("smart", "paramiko")
MITOGEN = "mitogen_"
PASSWORDS = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
# A name, or one of a directory's domain: HOSP\svc, HOSP+svc, svc@hospital.scot, svc@HOSP.
USER = r"([\w-]+[\\+])?[A-Za-z0-9_][\w.-]*\$?(@([\w-]+\.[\w.-]+|[A-Z0-9-]+))?"
INTERPRETER = r"/\S+|/usr/bin/env \S.*|auto(_legacy)?(_silent)?|python3[\d.]*"
KEY = "ansible_ssh_private_key_file"
FALSE = (False, "false", "False", "no", "No", "off", 0)


def reach(site: Site, host: str, name: str) -> Any:
    """Return one of the values by which Ansible reaches a host, None where it is not set."""
    return site.value(host, name, None) if site.is_set(host, name) else None


def addresses(site: Site) -> Iterator[Fault]:
    """Ansible reaches each host by a name and a port."""
    for host in site.hosts:
        name = reach(site, host, "ansible_host")
        if name is not None and not matches(r"[\w.:%-]+", name):
            sentence = f"ansible_host is {name}; accepted is a host name or an address."
            yield site.fault("ansible_host", sentence, host)
        port = reach(site, host, "ansible_port")
        if port is not None and not (str(port).isdigit() and 1 <= int(port) <= 65535):
            sentence = f"ansible_port is {port}; accepted is a port from 1 to 65535."
            yield site.fault("ansible_port", sentence, host)


def plugins(site: Site) -> Iterator[Fault]:
    """This controller has what an inventory connects and becomes root with."""
    for host in site.hosts:
        name = reach(site, host, "ansible_connection")
        if name is not None and not is_connection(name):
            yield site.fault("ansible_connection", unknown_connection(name), host)
        method = reach(site, host, "ansible_become_method")
        if method is not None and not has(become_loader, method):
            sentence = f"ansible_become_method is {method}; accepted is sudo, or another one of "
            yield site.fault("ansible_become_method", f"{sentence}ansible-doc -t become -l.", host)


def is_connection(name: Any) -> bool:
    """Return whether a value is a connection that this controller can make."""
    return name in ALIASES or str(name).startswith(MITOGEN) or has(connection_loader, name)


def has(loader: Any, name: Any) -> bool:
    """Return whether a loader of plugins finds one of this name."""
    return isinstance(name, str) and bool(loader.find_plugin_with_context(name).resolved)


def unknown_connection(name: Any) -> str:
    """Return the sentence about a connection that this controller does not have."""
    meant = nearest(str(name), ["ssh", "local", "docker", "paramiko_ssh"])
    hint = f", did you mean {meant}? Accepted" if meant else "; accepted"
    return (
        f"ansible_connection is {name}{hint} is ssh, local, community.docker.docker or "
        "another one of ansible-doc -t connection -l."
    )


def users(site: Site) -> Iterator[Fault]:
    """Ansible logs in as a user who exists by that name, and who becomes root."""
    machines = machine_names(site)
    for host in site.hosts:
        name = reach(site, host, "ansible_user")
        if name is not None and not (matches(USER, name) and is_domain(name, machines)):
            sentence = f"ansible_user is {name}; accepted is the name of a user, without a host."
            yield site.fault("ansible_user", sentence, host)
        by_ssh = connection(site, host) in CONNECTIONS
        if by_ssh and name != "root" and reach(site, host, "ansible_become") in FALSE:
            yield site.fault(
                "ansible_become",
                "ansible_become is false, so nothing could be changed as root; remove it.",
                host,
            )


def machine_names(site: Site) -> set[str]:
    """Return the names of the site's hosts and of what they serve, in lower case."""
    targets = {str(reach(site, host, "ansible_host")) for host in site.hosts}
    # A directory may be called as the whole site is, also where a web server has that name.
    names = {*site.hosts, *targets, *own_names(site)} - {site.shared("site_domain", "")}
    return {name.lower() for name in names}


def is_domain(user: str, machines: set[str]) -> bool:
    """Return whether what is behind the @ of a user's name, if anything, can be a directory's."""
    name = user.partition("@")[2].lower().rstrip(".")
    return name not in machines and not re.fullmatch(r"[\d.]+", name)


def ways_back(site: Site) -> Iterator[Fault]:
    """Ansible can still log in once sshd takes keys alone, and nobody as root."""
    for host in site.hosts:
        hardened = site.value(host, "baseline_ssh_hardening", True)
        if not hardened or connection(site, host) not in CONNECTIONS:
            continue
        if reach(site, host, "ansible_user") == "root":
            sentence = (
                "ansible_user is root, whom sshd will refuse; accepted is a user with sudo, or "
                "baseline_ssh_hardening: false."
            )
            yield site.fault("ansible_user", sentence, host)
        for name in PASSWORDS:
            if site.is_set(host, name):
                sentence = (
                    f"{name} is set, and sshd will take keys alone; log in with a key, or set "
                    "baseline_ssh_hardening: false."
                )
                yield site.fault(name, sentence, host)


def interpreters(site: Site) -> Iterator[Fault]:
    """A host's Python is named by its path, or left to Ansible."""
    name = "ansible_python_interpreter"
    for host in site.hosts:
        value = reach(site, host, name)
        if value is not None and not matches(INTERPRETER, value):
            sentence = f"{name} is {value}; accepted is a path such as /usr/bin/python3, or auto."
            yield site.fault(name, sentence, host)


def arguments(site: Site) -> Iterator[Fault]:
    """What ssh gets is a string, and its key a private one."""
    for host in site.hosts:
        for name in ARGUMENTS:
            value = reach(site, host, name)
            if value is not None and not isinstance(value, str):
                sentence = (
                    f"{name} is {value}; accepted is a string, as on the command line of ssh."
                )
                yield site.fault(name, sentence, host)
        key = reach(site, host, KEY)
        if key is not None and (not isinstance(key, str) or key.endswith(".pub")):
            sentence = f"{KEY} is {key}; accepted is the path of a private key, without .pub."
            yield site.fault(KEY, sentence, host)


def controller(site: Site) -> Iterator[Fault]:
    """No two hosts are the controller."""
    local = [host for host in site.hosts if str(connection(site, host)).endswith("local")]
    for host in local[1:]:
        yield site.fault(
            "ansible_connection",
            f"ansible_connection is local for both {local[0]} and {host}, which makes the two this "
            "controller; accepted is ssh.",
            host,
        )


def matches(expression: str, value: Any) -> bool:
    """Return whether a value is a string of this form."""
    return isinstance(value, str) and re.fullmatch(expression, value) is not None


RULES = [addresses, plugins, users, ways_back, interpreters, arguments, controller]
