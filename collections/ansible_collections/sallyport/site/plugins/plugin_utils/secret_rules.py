"""Rules between secrets: pairs that belong together, and tokens that both ends know.

No sentence here repeats a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from ansible_collections.sallyport.site.plugins.plugin_utils import key_material as keys
from ansible_collections.sallyport.site.plugins.plugin_utils.database_rules import let_in
from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault, listed
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

# The certificate that a host of each group serves.
CERTIFICATES = {
    "proxies": "proxy",
    "job_servers": "job_server",
    "release_hatches": "release_hatch",
    "forges": "forge",
}
AUTHORITY = "certificate_authority"
# Keys that are nobody else's, by the group whose hosts have them.
SEPARATE = {
    "job_server_secret_key": "job_servers",
    "job_server_hatch_signing_key": "job_servers",
    "release_hatch_secret_key": "release_hatches",
}
# Who shows a token of which scope to the job server.
SCOPES = {
    "jobs": ("runners", "runner_job_server_token"),
    "review": ("release_hatches", "release_hatch_job_server_token"),
    "publish": ("release_hatches", "output_publisher_job_server_token"),
}


def authority(site: Site) -> Iterator[Fault]:
    """The authority can sign, and its key is its own."""
    for host in site.hosts:
        certificate = site.value(host, "site_certificate_authority", "")
        key = site.value(host, "certificate_authority_key", "")
        for told in keys.authority_faults(certificate):
            name = "site_certificate_authority"
            yield site.fault(name, f"{name} {told}.", host)
        if key and not keys.belong_together(certificate, key):
            yield site.fault(
                "certificate_authority_key",
                "certificate_authority_key is not the key of site_certificate_authority; put both "
                "halves of one pair into the vault.",
                host,
            )


def authority_key(site: Site) -> Iterator[Fault]:
    """Certificates that the site does not supply can be signed, and are valid for a while."""
    for group, name in CERTIFICATES.items():
        for host in site.members(group):
            supplied = site.value(host, "certificate_authority_supplied", {})
            key = site.value(host, "certificate_authority_key", None)
            if name not in supplied and key == "":
                yield site.fault(
                    "certificate_authority_key",
                    "certificate_authority_key is missing, and certificate_authority_supplied has "
                    f"no certificate {name}; set one of the two.",
                    host,
                )
    for host in site.hosts:
        days = site.value(host, "certificate_authority_days", 2)
        if days <= site.value(host, "certificate_authority_renewal_days", 1):
            yield site.fault(
                "certificate_authority_days",
                "certificate_authority_days must be more than certificate_authority_renewal_days, "
                "or certificates would be issued again at each run.",
                host,
            )


def separate(site: Site) -> Iterator[Fault]:
    """No key stands for two things: who learns one would have both."""
    held = [
        (host, name, site.value(host, name, None))
        for name, group in SEPARATE.items()
        for host in site.members(group)
    ]
    for (first, one, value), (second, other, same) in combinations(held, 2):
        if value and value == same and one != other:
            sentence = (
                f"{one} of {first} and {other} of {second} are one secret; give each its own."
            )
            yield site.fault(other, sentence, second)


def supplied(site: Site) -> Iterator[Fault]:
    """Each certificate that the site supplies is valid, and has its key beside it."""
    name = "certificate_authority_supplied"
    for host in site.hosts:
        named = [entry["name"] for entry in site.value(host, f"{AUTHORITY}_certificates", [])]
        known = [*CERTIFICATES.values(), "postgresql", *named]
        for label, entry in site.value(host, name, {}).items():
            if label not in known:
                told = f"has the unknown certificate {label}; accepted are {listed(known)}"
                yield site.fault(name, f"{name} {told}.", host)
            for told in supplied_faults(entry):
                yield site.fault(name, f"{name}.{label} {told}.", host)


def supplied_names(site: Site) -> Iterator[Fault]:
    """Each supplied certificate is valid for every name that its component answers to."""
    variable = "certificate_authority_supplied"
    for group, name in CERTIFICATES.items():
        for host in site.members(group):
            entry = site.value(host, variable, {}).get(name)
            if entry is None or any(supplied_faults(entry)):
                continue
            valid_for = keys.dns_names(entry["certificate"])
            missing = [one for one in served(site, host, name) if not keys.covers(valid_for, one)]
            if missing:
                yield site.fault(
                    variable,
                    f"{variable}.{name} is not valid for {listed(missing)}; accepted is a "
                    "certificate with these names among its subject alternative names, which are "
                    f"{listed(valid_for, 'none')}.",
                    host,
                )


def served(site: Site, host: str, certificate: str) -> list[str]:
    """Return the host names that a component answers to with a certificate."""
    if certificate == "postgresql":
        return [f"database.{site.value(host, 'site_domain', '')}"]
    sites = site.value(host, f"{certificate}_virtual_hosts", [])
    return [name for entry in sites for name in entry.get("server_names", [])]


def supplied_faults(entry: Any) -> Iterator[str]:
    """Give what is wrong with one supplied certificate and its key."""
    if not isinstance(entry, dict) or set(entry) != {"certificate", "key"}:
        yield "is not valid; accepted is a mapping of certificate and key, each in PEM form"
        return
    certificate, key = entry["certificate"], entry["key"]
    if not isinstance(certificate, str) or not keys.is_certificates(certificate):
        yield "has a certificate that cannot be read; accepted is PEM, its chain after it"
    elif not isinstance(key, str) or not keys.is_private_key(key):
        yield "has a key that cannot be read; accepted is PEM without a passphrase"
    else:
        yield from keys.validity_faults(keys.certificates(certificate)[0])
        if not keys.belong_together(certificate, key):
            yield "has a certificate and a key that do not belong together"


def database_authorities(site: Site) -> Iterator[Fault]:
    """The authority of the database is still valid."""
    name = "data_builder_certificate_authority"
    for host in site.members("runners"):
        text = site.value(host, name, "") if site.is_set(host, name) else ""
        for told in keys.validity_faults(keys.certificates(text)[0]) if text else ():
            yield site.fault(name, f"{name} {told}.", host)


def own_trusted_keys(site: Site) -> Iterator[Fault]:
    """No runner of our job server takes unsigned job requests."""
    name = "runner_trusted_keys"
    for host in site.members("runners") if site.own_job_server else []:
        if site.is_set(host, name) and site.value(host, name, None) == []:
            sentence = f"{name} is empty, so unsigned job requests would run; remove it."
            yield site.fault(name, sentence, host)


def trusted_keys(site: Site) -> Iterator[Fault]:
    """Runners trust the key with which our job server signs."""
    trusted = site.shared("site_trusted_keys", [])
    for host in site.members("job_servers") if trusted and site.own_job_server else []:
        signing = keys.private_key(site.value(host, "job_server_signing_key", ""))
        public = [keys.public_bytes(keys.public_key(text)) for text in trusted]
        if signing is not None and keys.public_bytes(signing) not in public:
            yield site.fault(
                "site_trusted_keys",
                "site_trusted_keys does not have the public half of job_server_signing_key, so "
                "runners would refuse every job request; add vault_job_server_signing_key_public.",
            )


def run_record_keys(site: Site) -> Iterator[Fault]:
    """Run records that our runners sign are accepted."""
    name = "site_run_record_keys"
    accepted = [keys.public_bytes(keys.public_key(text)) for text in site.shared(name, [])]
    for host in site.members("runners"):
        signing = keys.private_key(site.value(host, "runner_record_signing_key", ""))
        if signing is not None and keys.public_bytes(signing) not in accepted:
            yield site.fault(
                name,
                f"{name} does not have the public half of runner_record_signing_key of {host}, so "
                "its outputs would be refused; add vault_runner_record_signing_key_public.",
            )


def hatch_keys(site: Site) -> Iterator[Fault]:
    """Job server and release hatch hold the same key for tokens of the hatch."""
    for server in site.members("job_servers") if site.own_job_server else []:
        expected = site.value(server, "job_server_hatch_signing_key", None)
        for host in site.members("release_hatches"):
            held = site.value(host, "release_hatch_signing_key", None)
            if expected and held and held != expected:
                yield site.fault(
                    "release_hatch_signing_key",
                    "release_hatch_signing_key is not the job_server_hatch_signing_key of "
                    f"{server}; both must be vault_hatch_signing_key.",
                    host,
                )


def declared_backends(site: Site) -> Iterator[Fault]:
    """Our job server knows every backend of the site, by the tokens that its hosts show."""
    for server in site.members("job_servers") if site.own_job_server else []:
        backends = site.value(server, "job_server_backends", None)
        if backends is not None:
            tokens = {entry["slug"]: entry["tokens"] for entry in backends}
            yield from unknown_backends(site, server, list(tokens))
            for scope, (group, name) in SCOPES.items():
                for host in site.members(group):
                    declared = tokens.get(site.value(host, "site_backend", None))
                    yield from token_faults(site, host, name, scope, declared)
            yield from repeated_tokens(site, server, backends)


def unknown_backends(site: Site, server: str, slugs: list[str]) -> Iterator[Fault]:
    """Give a fault for each runner whose backend the job server does not have."""
    for host in site.members("runners"):
        slug = site.value(host, "site_backend", None)
        if slug is not None and slug not in slugs:
            yield site.fault(
                "job_server_backends",
                f"job_server_backends has no backend {slug}, which host {host} is; it has "
                f"{listed(slugs)}.",
                server,
            )


def token_faults(
    site: Site, host: str, name: str, scope: str, declared: dict[str, str] | None
) -> Iterator[Fault]:
    """Give a fault where a host shows another token than the job server knows."""
    shown = site.value(host, name, None)
    if declared is None or shown is None:
        return
    if shown not in (declared.get(scope), declared.get("classic")):
        yield site.fault(
            name,
            f"{name} is not the token that job_server_backends has for this backend in the scope "
            f"{scope}; set both to the same name of the vault.",
            host,
        )


def repeated_tokens(site: Site, server: str, backends: list[dict[str, Any]]) -> Iterator[Fault]:
    """Give a fault for each token that stands for two things."""
    held = [
        (f"{entry['slug']}.{scope}", token)
        for entry in backends
        for scope, token in entry["tokens"].items()
    ]
    for (first, one), (second, other) in combinations(held, 2):
        if one == other:
            yield site.fault(
                "job_server_backends",
                f"job_server_backends has one token for both {first} and {second}; give each its "
                "own.",
                server,
            )
    slugs = [entry["slug"] for entry in backends]
    for slug in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        yield site.fault(
            "job_server_backends", f"job_server_backends has {slug} twice; remove one.", server
        )


def database_accounts(site: Site) -> Iterator[Fault]:
    """Our database server is reached with TLS, and every account has a password."""
    for host in site.members("databases"):
        listening = set(site.value(host, "postgresql_listen_addresses", [])) - {"localhost"}
        certificate = site.value(host, "postgresql_certificate_file", "-")
        if listening and not certificate:
            yield site.fault(
                "postgresql_listen_addresses",
                "postgresql_listen_addresses has addresses, and postgresql_certificate_file is "
                "empty; other hosts connect with TLS only.",
                host,
            )
        passwords = site.value(host, "postgresql_passwords", None)
        users = let_in(site, host) or set()
        for user in sorted(users - set(passwords)) if passwords is not None else []:
            yield site.fault(
                "postgresql_passwords",
                f"postgresql_passwords has no password of {user}, whom postgresql_access lets in.",
                host,
            )


RULES = [
    *(
        authority,
        authority_key,
        supplied,
        supplied_names,
        separate,
        database_authorities,
        own_trusted_keys,
        trusted_keys,
        run_record_keys,
        hatch_keys,
        declared_backends,
    ),
    database_accounts,
]
