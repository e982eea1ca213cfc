"""The formats of values: what `roles/*/meta/formats.yml` names, and the words for each.

A format judges a value that already has the declared type. One with `?` at its end in a role's
file also takes an empty string.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ansible_collections.sallyport.site.plugins.plugin_utils import key_material
from ansible_collections.sallyport.site.plugins.plugin_utils.addresses import (
    address,
    is_interface,
    is_listen,
    is_peer,
    network,
    usable,
)
from ansible_collections.sallyport.site.plugins.plugin_utils.calendar import is_schedule

HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"{HOST}(?:\.{HOST})+"
# The same as OWNER in files/study/src/sallyport_study/places.py, which a controller does not have;
# a test holds them together. The proxy's policy adds `*` for a part of a name.
ORGANISATION = r"(?=[^/]{1,39}(?:/|\Z))[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?:_[A-Za-z0-9]+)?"
REPOSITORY = rf"{ORGANISATION}/[A-Za-z0-9._-]{{1,100}}"
IMAGE_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
IMAGE_PATH = rf"{IMAGE_PART}(?:/{IMAGE_PART})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
ATTRIBUTE = r"(?:NO)?(?:SUPERUSER|CREATEROLE|CREATEDB|INHERIT|LOGIN|REPLICATION|BYPASSRLS)"


@dataclass(frozen=True)
class Format:
    """What is accepted, in words that follow "accepted is", and how it is recognised."""

    accepted: str
    accepts: Callable[[Any], bool]
    type: str = "str"
    """Declared type of a value of a free mapping, which has no option that says it."""


def pattern(accepted: str, expression: str) -> Format:
    """Return a format that a whole string must match."""
    compiled = re.compile(expression)
    return Format(accepted, lambda value: bool(compiled.fullmatch(value)))


def number(accepted: str, low: float, high: float = sys.maxsize) -> Format:
    """Return a format of numbers within bounds."""
    return Format(accepted, lambda value: low <= value <= high)


def secret(length: int, what: str = "random characters") -> Format:
    """Return a format of secrets of at least this length, without spaces and line ends."""
    return pattern(f"at least {length} {what}, without spaces", rf"[!-~]{{{length},}}")


def split(text: str) -> SplitResult | None:
    """Return the parts of a URL with a host and a valid port, without white space; else None."""
    try:
        parts = urlsplit(text)
        valid = parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if valid and not re.search(r"[\s\\]", text) else None


def is_url(text: str, schemes: tuple[str, ...] = ("https",), path: bool = True) -> bool:
    """Return whether a string is a URL of a host, without credentials, query or fragment.

    A slash at the end would be one too many in what services append, or a path that they refuse.
    """
    parts = split(text)
    if parts is None or not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return False
    named = re.fullmatch(rf"(?:{DOMAIN}|{HOST})(?::\d+)?", parts.netloc)
    plain = not re.search(r"[?#]", text) and not text.endswith("/")
    return bool(named) and plain and (path or not parts.path)


def is_archive(text: str) -> bool:
    """Return whether a string is the URL of a package archive, as the proxy's policy takes it."""
    parts = split(text)
    path = re.fullmatch(r"(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", parts.path) if parts else None
    return path is not None and is_url(text, ("http", "https"))


def is_database_url(text: str) -> bool:
    """Return whether a string is the URL of a database that jobs reach over the network."""
    parts = split(text)
    return parts is not None and re.fullmatch(r"[a-z][a-z0-9+]*", parts.scheme) is not None


def is_job_server_database(text: str) -> bool:
    """Return whether a string is an SQLite file, or PostgreSQL without a password and with TLS."""
    if text.startswith("sqlite:////"):
        return len(text) > len("sqlite:////")
    parts = split(text)
    if parts is None or parts.scheme not in ("postgresql", "postgresql+psycopg") or parts.password:
        return False
    mode = re.search(r"(?:^|&)sslmode=([^&]*)", parts.query)
    return mode is None or mode[1] == "verify-full"


def size_of(text: str) -> int:
    """Return the bytes of a size such as 4G, or 0 for another string."""
    match = re.fullmatch(r"([1-9]\d*)([KMGT])", text)
    return int(match[1]) * 1024 ** ("KMGT".index(match[2]) + 1) if match else 0


def is_memory(text: str) -> bool:
    """Return whether a string is a size with which a container can start."""
    return size_of(text) >= size_of("6M")


def is_output_size(text: str) -> bool:
    """Return whether a string is a size that a job server takes."""
    return 0 < size_of(text) <= size_of("16M")


def is_setting(value: Any) -> bool:
    """Return whether a value fits on one line of postgresql.conf."""
    return not re.search(r"[\x00-\x1f]", str(value))


def is_toml(text: str) -> bool:
    """Return whether a string is a TOML document with at least one key."""
    try:
        return bool(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def is_command(text: str) -> bool:
    """Return whether a string is words as a shell separates them, on one line."""
    try:
        return "\n" not in text and bool(shlex.split(text))
    except ValueError:
        return False


def is_expression(text: str) -> bool:
    """Return whether a string is a regular expression."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return bool(text)


FORMATS = {
    # Numbers
    "port": number("a port from 1 to 65535", 1, 65535),
    "count": number("a whole number of 1 or more", 1),
    "natural": number("a whole number of 0 or more", 0),
    "positive": number("a number above 0", 0.01),
    "seconds": number("a number of seconds, 1 or more", 1),
    "seconds_or_never": number("a number of seconds, 0 or more", 0),
    "poll": number("a number of seconds from 0 to 50", 0, 50),
    "days": number("a number of days from 1 to 3650", 1, 3650),
    "bytes": number("a number of bytes, 1 or more", 1),
    # The bounds of the proxy's policy (files/proxy, LARGEST_LIMIT).
    "limit": number("a number of bytes from 1 to 1099511627776", 1, 1024**4),
    "uid": number("a user id from 0 to 60000", 0, 60000),
    # Sizes and times
    "size": pattern("a size such as 512M or 4G, without a space", r"[1-9]\d*[KMGT]"),
    # The container engine starts nothing with less.
    "memory": Format("a size of 6M or more, such as 4G, without a space", is_memory),
    # Job servers take no larger file (files/common, MAX_FILE_BYTES).
    "output_size": Format("a size of up to 16M, such as 16M or 512K", is_output_size),
    "nginx_size": pattern("a size as nginx writes it, such as 1m", r"[1-9]\d*[kKmMgG]?"),
    "schedule": Format("a schedule in systemd's calendar form, such as Sun 03:00", is_schedule),
    # Networks
    "network": Format(
        "an IPv4 network in CIDR form without host bits, such as 10.1.2.0/24",
        lambda value: network(value) is not None,
    ),
    "address": Format("an IPv4 address of a host, such as 10.1.2.3", usable),
    "sink": Format("an IPv4 address", lambda value: address(value) is not None),
    "interface": Format("an address with its network, such as 10.211.0.1/24", is_interface),
    "peer": Format("an address, or a network without host bits", is_peer),
    "flow_peer": Format(
        "an address, a network without host bits, or any",
        lambda value: value == "any" or is_peer(value),
    ),
    "listen_address": Format(
        "an address, or localhost", lambda value: value == "localhost" or usable(value)
    ),
    "host_or_address": pattern(
        "a host name or an IPv4 address",
        rf"(?!\d+(?:\.\d+)*$)(?:{HOST}|{DOMAIN})|{OCTET}(?:\.{OCTET}){{3}}",
    ),
    "listen": Format("a port from 1 to 65535, or an address with one", is_listen),
    # Names and addresses of services
    "https_url": Format(
        "an https URL such as https://host.example.org, its host in lower case, without "
        "credentials, query, fragment or a slash at its end",
        is_url,
    ),
    "https_origin": Format(
        "an https URL such as https://host.example.org, its host in lower case, without path, "
        "credentials, query, fragment or a slash at its end",
        lambda value: is_url(value, path=False),
    ),
    "archive_url": Format(
        "an http or https URL such as http://archive.example.org/ubuntu, without credentials, "
        "query, fragment or a slash at its end",
        is_archive,
    ),
    "database_url": Format(
        "a database URL such as postgresql://user:password@host:5432/name", is_database_url
    ),
    "job_server_database_url": Format(
        "sqlite:////PATH, or postgresql+psycopg://USER@HOST/NAME without a password and without an "
        "sslmode other than verify-full",
        is_job_server_database,
    ),
    "mail_server": pattern(
        "smtp://[USER@]HOST[:PORT] or smtps://[USER@]HOST[:PORT], without a password",
        rf"smtps?://(?:[^\s/@:?#]+@)?(?:{DOMAIN}|{HOST})(?::\d{{1,5}})?",
    ),
    "mail_address": pattern("a mail address", rf"[^\s@\"<>,;]+@(?:{DOMAIN}|{HOST})"),
    "domain": pattern(
        "a lower-case domain with at least one dot, such as tre.example.org",
        rf"(?=.{{4,200}}$){DOMAIN}",
    ),
    "host_name": pattern("a lower-case host name", rf"{HOST}|{DOMAIN}"),
    "backend": pattern(
        "2 to 40 lower-case letters, digits and hyphens, and neither test nor expectations",
        r"(?!(?:test|expectations)$)[a-z][a-z0-9-]{0,38}[a-z0-9]",
    ),
    "network_name": pattern("lower-case letters, digits, _ and -", r"[a-z][a-z0-9_-]{0,30}"),
    "organisation": pattern(
        "the name of an organisation, letters, digits and single hyphens (not a URL)", ORGANISATION
    ),
    "organisation_pattern": pattern(
        "the name of an organisation, in which * stands for any part (not a URL)",
        r"(?!-)[A-Za-z0-9_*-]{1,39}",
    ),
    "forge_owner": pattern(
        "a forge's host name, or HOST/ORGANISATION", rf"{DOMAIN}(?:/{ORGANISATION})?"
    ),
    # Those that checkers can be shown (files/common, KINDS); a test holds them together.
    "file_type": pattern(
        "a suffix such as .csv, one of .csv, .jpg, .jpeg, .png, .svg, .svgz, .html, .txt, .log, "
        ".json, .md",
        r"\.(?:csv|jpe?g|png|svgz?|html|txt|log|json|md)",
    ),
    "name_pattern": pattern(
        "a name without spaces and commas, in which * stands for any text", r"[^\s,?\[\]]+"
    ),
    # As in files/job_server (roles.py), which a controller does not have.
    "person_role": pattern(
        "a role of people: researcher, collaborator, output_checker, publication_approver or admin",
        r"researcher|collaborator|output_checker|publication_approver|admin",
    ),
    "global_role": pattern(
        "a role everywhere: output_checker, publication_approver or admin",
        r"output_checker|publication_approver|admin",
    ),
    "oidc_scopes": pattern("openid and other scopes, between spaces", r"openid(?: [!#-\[\]-~]+)*"),
    "claim": pattern("the name of a claim, such as groups", r"[!-~]+"),
    "message_topic": pattern(  # as in files/job_server (letters.py)
        "a topic of messages: succeeded, failed, released, publication or review",
        r"succeeded|failed|released|publication|review",
    ),
    "webhook_url": pattern("an https URL", rf"https://(?:{DOMAIN}|{HOST})(?::\d+)?(?:/\S*)?"),
    "repository": pattern("organisation/name", REPOSITORY),
    "image_namespace": pattern("a lower-case image namespace", IMAGE_PATH),
    "image_pattern": pattern(
        "namespace/name of an image, in which * stands for a part of a name",
        r"[a-z0-9][a-z0-9._*-]*(?:/[a-z0-9*][a-z0-9._*-]*)*",
    ),
    "image_reference": pattern(
        "namespace/name:tag of an image", rf"(?:{DOMAIN}(?::\d+)?/)?{IMAGE_PATH}:{TAG}"
    ),
    "image_name": pattern("a registry and a namespace", rf"(?:{DOMAIN}(?::\d+)?/)?{IMAGE_PATH}"),
    "image_tag": pattern("name:tag of an image, such as python:v2", rf"{IMAGE_PATH}:{TAG}"),
    # As in files/study (catalogue.py, images.py), which a controller does not have.
    "image_word": pattern("the name of an image, such as python", IMAGE_PART),
    "image_repository": pattern(
        "NAMESPACE/NAME or REGISTRY/NAMESPACE/NAME of an image, without a tag",
        rf"{IMAGE_PART}(?:/{IMAGE_PART})+",
    ),
    "study_tag": pattern(
        "a tag that project.yaml can name: v and a number, dev or latest",
        r"v[0-9.]+(?:-pre)?|dev|latest",
    ),
    "action_organisation": pattern(
        "HOST/ORGANISATION on a forge, such as github.com/my-actions", rf"{DOMAIN}/{ORGANISATION}"
    ),
    "branch": pattern(
        "the name of a branch, such as main", r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
    ),
    "digest": pattern("sha256: and 64 hexadecimal digits", r"sha256:[0-9a-f]{64}"),
    "registry": pattern("a host name, with a port where needed", rf"{DOMAIN}(?::\d+)?"),
    "identifier": pattern("lower-case letters, digits and _", IDENTIFIER),
    "account": pattern("lower-case letters, digits, . _ and -", r"[a-z_][a-z0-9._-]{0,63}"),
    "scope": pattern("one of jobs, review, publish, classic", r"jobs|review|publish|classic"),
    "username": pattern(
        "a name to log in with, letters, digits, . _ and -", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    ),
    "package": pattern("the name of a Debian package", r"[a-z0-9][a-z0-9+.-]+"),
    "dotted": pattern(
        "a dotted path such as package.module.Class", r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"
    ),
    "runtime": pattern(
        "the name of a container runtime, letters, digits, . _ and -", r"[A-Za-z0-9][\w.-]*"
    ),
    "component": pattern("the name of a component", r"[a-z][a-z0-9_]*"),
    "file_name": pattern("a file name", r"[A-Za-z0-9][A-Za-z0-9._/-]*"),
    "archive_word": pattern(
        "1 to 64 letters, digits, . _ and -", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    ),
    "role_attributes": pattern(
        "attributes of a role in PostgreSQL, such as NOSUPERUSER,NOCREATEDB",
        rf"(?i:{ATTRIBUTE})(?:,(?i:{ATTRIBUTE}))*",
    ),
    "flow": pattern("1 to 32 letters, digits, spaces, . _ and -", r"[A-Za-z0-9 ._-]{1,32}"),
    "setting": pattern(
        "the name of a setting, letters, digits and _",
        r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)?",
    ),
    "setting_value": Format("text of one line", is_setting, "scalar"),
    "suite": pattern("a suite or component of a package archive", r"[A-Za-z0-9][\w./-]*"),
    "expression": Format("a regular expression", is_expression),
    "workspace": pattern("letters, digits, _ and -", r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}"),
    "version": pattern("a version such as 0.1.0", r"\d+(?:\.\d+)+[\w.+-]*"),
    "mode": pattern("an octal mode such as 0640, quoted", r"[0-7]{3,4}"),
    "path": pattern("an absolute path", r"/[^\0\n]*"),
    "text": pattern("one line of text", r"[^\x00-\x1f]*\S[^\x00-\x1f]*"),
    "command": Format("words of a command, with every quotation mark closed", is_command),
    "toml": Format("the text of a TOML file", is_toml),
    "some_text": pattern("a string that is not empty", r"(?s).*\S.*"),
    "free": Format("any text", lambda _: True),
    # Secrets and keys
    "key_32": secret(32),
    "key_28": secret(28),
    "token": secret(20),
    "password": secret(12, "characters"),
    "credential": pattern("user:password", r"[^\s:]+:\S+"),
    "some_secret": pattern("a secret that is not empty", r"(?s).+"),
    "signing_key": Format("an Ed25519 private key in PEM form", key_material.is_signing_key),
    "public_key": Format("an Ed25519 public key in PEM form", key_material.is_public_key),
    "certificates": Format("certificates in PEM form", key_material.is_certificates),
    "private_key": Format(
        "a private key in PEM form, without a passphrase", key_material.is_private_key
    ),
}
