"""Logging in to a job server, and out of it.

At a terminal the command shows a code that a person types on a page of the job server; what comes
through a pipe is an access token.
"""

from __future__ import annotations

import argparse
import getpass
import os
import platform
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from sallyport_client import logins
from sallyport_client.api import JobServer, ServerError
from sallyport_client.logins import Login
from sallyport_client.settings import NotLoggedInError
from sallyport_common.errors import SallyportError
from sallyport_common.settings import Secret

ONLY_HERE = ("localhost", "127.0.0.1", "::1")
PATIENCE = 960.0
"""Seconds after which nobody will allow a log-in any more, a little longer than its code counts."""


def log_in(options: argparse.Namespace) -> int:
    """Keep an access token, after the job server has given or taken it."""
    address = _address(options.server)
    nobody = Login(server=address, user="", token=Secret(""), ca_file=options.ca_file)
    _check(JobServer(nobody), address)
    if not sys.stdin.isatty():
        user, token = _parts(sys.stdin.readline())
    elif options.paste:
        print(f"Make an access token at {address}/settings/#tokens")
        user, token = _parts(getpass.getpass("Paste all of it, with your name before the colon: "))
    else:
        user, token = _let_in(JobServer(nobody))
    login = Login(server=address, user=user, token=Secret(token), ca_file=options.ca_file)
    person = JobServer(login).me()
    in_keyring = logins.keep(login, os.environ)
    where = "the keyring of this machine" if in_keyring else logins.place(os.environ)
    print(f"Logged in to {address} as {user} ({person['fullname']}). The token is in {where}.")
    return 0


def _parts(given: str) -> tuple[str, str]:
    """Return name and token of what was pasted or piped."""
    user, colon, token = given.strip().partition(":")
    if not colon or not token:
        raise SallyportError("an access token looks like NAME:TOKEN, as the settings page shows it")
    return user, token


def _let_in(server: JobServer) -> tuple[str, str]:
    """Return name and token of the person who allows this log-in on a page."""
    begun = server.begin_login(f"sallyport on {platform.node() or 'a machine'}"[:100])
    print(f"Open {begun['url']} in a browser and enter the code {begun['code']}")
    print("Waiting until you allow it there (Ctrl-C to stop) ...", flush=True)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = _fetched(server, begun["secret"])
        if found and found["token"]:
            return str(found["username"]), str(found["token"])
        time.sleep(begun["pause"])
    raise SallyportError("nobody allowed the log-in in time; begin again")


def _fetched(server: JobServer, secret: str) -> dict[str, Any] | None:
    """Return the state of a log-in; None where the job server may answer a moment later."""
    try:
        return server.fetch_login(secret)
    except ServerError as error:
        if error.passes:
            return None
        raise


def log_out(_options: argparse.Namespace) -> int:
    """Forget the access token; on the job server it stays until it is revoked there."""
    login = logins.forget(os.environ)
    if login is None:
        print("You were not logged in.")
    else:
        print(f"Forgotten. To end the token too: {login.server}/settings/#tokens")
    return 0


def _check(server: JobServer, address: str) -> None:
    """Raise SallyportError unless a job server answers there; it is told no token."""
    try:
        server.me()
    except NotLoggedInError:  # what a job server answers to somebody without a token
        return
    except ServerError as error:
        if error.passes or isinstance(error.__cause__, Exception):
            raise
    raise SallyportError(
        f"{address} is not a job server; check the address that your site gave you"
    )


def _address(text: str) -> str:
    """Return an address without a slash at its end; only this machine is asked without TLS."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in ONLY_HERE):
        raise SallyportError("a job server's address looks like https://jobs.example.org")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
