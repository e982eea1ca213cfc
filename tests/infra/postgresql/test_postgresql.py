"""The server takes encrypted connections with a password from named networks, and nothing else."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from probes import address_of

NAME = "host=database.sallyport.test dbname=hospital user=sallyport_jobs connect_timeout=3"


def attempt(host: Host, options: str) -> str:
    """Try to log in without a password and return what the server, or the client, said."""
    address = address_of(host, "secure")
    command = "psql --no-password --command 'select 1' %s"
    return str(host.run(command, f"{NAME} hostaddr={address} {options}").stderr)


def test_the_server_proves_its_name_and_asks_for_the_password(host: Host) -> None:
    authority = "sslrootcert=/etc/ssl/certs/ca-certificates.crt"
    assert "no password supplied" in attempt(host, f"sslmode=verify-full {authority}")
    wrong = attempt(host, f"sslmode=verify-full {authority} host=other.sallyport.test")
    assert 'does not match host name "other.sallyport.test"' in wrong


def test_a_connection_without_encryption_is_refused(host: Host) -> None:
    assert "no encryption" in attempt(host, "sslmode=disable")
    assert "no password supplied" in attempt(host, "sslmode=require")


@pytest.mark.parametrize("other", ["user=postgres", "dbname=postgres"])
def test_other_roles_and_databases_are_refused(host: Host, other: str) -> None:
    assert "no pg_hba.conf entry" in attempt(host, f"sslmode=require {other}")


def test_passwords_are_kept_as_scram(host: Host) -> None:
    query = "select rolpassword from pg_authid where rolname = 'sallyport_jobs'"
    kept = host.check_output("runuser -u postgres -- psql -Atc %s", query)
    assert kept.startswith("SCRAM-SHA-256$")


def test_the_server_s_key_is_its_own(host: Host) -> None:
    key = host.file(host.check_output("sh -c 'echo /etc/postgresql/*/main/server.key'"))
    assert (key.user, key.mode) == ("postgres", 0o600)


def test_the_server_listens_where_it_should_only(host: Host) -> None:
    query = "show listen_addresses"
    shown = host.check_output("runuser -u postgres -- psql -Atc %s", query)
    assert shown == address_of(host, "secure")
