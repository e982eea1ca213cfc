"""Where the database is: SQLite on this host, or PostgreSQL, over a network by verified TLS."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sallyport_common.errors import SettingsError

NAME = "JOB_SERVER_DATABASE_URL"
DRIVER = "postgresql+psycopg"
MODE = "verify-full"
SECONDS_TO_CONNECT = "10"


def checked(url: str, ca_file: Path) -> str:
    """Return the address with what it leaves out; raise SettingsError, never with the address."""
    try:
        address = make_url(url)
        kind = address.get_backend_name()
    except (ArgumentError, ValueError):
        raise SettingsError([f"{NAME}: this is not the address of a database"]) from None
    if kind == "sqlite":
        return url
    if kind != "postgresql":
        raise SettingsError([f"{NAME}: expected sqlite:///PATH or {DRIVER}://USER@HOST/NAME"])
    return _postgresql(address, ca_file).render_as_string(hide_password=False)


def _postgresql(address: URL, ca_file: Path) -> URL:
    if address.password is not None:
        raise SettingsError([f"{NAME}: put the password in JOB_SERVER_DATABASE_PASSWORD_FILE"])
    address = address.set(drivername=DRIVER)
    defaults = {"connect_timeout": SECONDS_TO_CONNECT}
    if _over_network(address):
        if address.query.get("sslmode", MODE) != MODE:
            raise SettingsError([f"{NAME}: sslmode must be {MODE} for a server on the network"])
        defaults |= {"sslmode": MODE, "sslrootcert": str(ca_file)}
    missing = {name: value for name, value in defaults.items() if name not in address.query}
    return address.update_query_dict(missing)


def _over_network(address: URL) -> bool:
    option = address.query.get("host", address.host or "/")
    hosts = [option] if isinstance(option, str) else list(option)
    addressed = "hostaddr" in address.query
    return addressed or not all(part.startswith("/") for one in hosts for part in one.split(","))
