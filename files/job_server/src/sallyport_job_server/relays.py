"""Where messages for people are handed over: a mail server, and addresses of other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sallyport_common.errors import SettingsError

PORTS = {"smtp": 587, "smtps": 465}
HERE = ("localhost", "127.0.0.1", "::1")
EXPECTED = "expected smtp://[USER@]HOST[:PORT] or smtps://…, without a password"
WEBHOOKS = "JOB_SERVER_WEBHOOKS_FILE: expected a JSON list of objects with name, url and secret"


@dataclass(frozen=True)
class MailServer:
    """A mail server; `tls` is whether the connection is encrypted from its first byte."""

    host: str
    port: int
    username: str
    tls: bool

    @property
    def starttls(self) -> bool:
        """Whether the connection has to become encrypted: to any other host, at the latest then."""
        return not self.tls and self.host not in HERE

    @classmethod
    def parse(cls, text: str) -> MailServer:
        """Read an address; raise ValueError.

        `smtps` is TLS from the first byte (RFC 8314), `smtp` begins it by STARTTLS (RFC 3207).
        """
        url = urlsplit(text)
        if (
            url.scheme not in PORTS
            or not url.hostname
            or url.password is not None
            or url.path not in ("", "/")
            or url.query
            or url.fragment
        ):
            raise ValueError(EXPECTED)
        port = url.port or PORTS[url.scheme]
        return cls(url.hostname, port, unquote(url.username or ""), url.scheme == "smtps")


@dataclass(frozen=True)
class Webhook:
    """An address that is told what happens; `topics` are what it is told, all where empty."""

    name: str
    url: str
    secret: str
    topics: tuple[str, ...] = ()


def webhooks(text: str) -> tuple[Webhook, ...]:
    """Read the list of webhooks; raise SettingsError, which names no address: it may be secret."""
    try:
        found = tuple(
            Webhook(one["name"], one["url"], one["secret"], tuple(one.get("topics", ())))
            for one in json.loads(text)
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SettingsError([WEBHOOKS]) from None
    for one in found:
        if not str(one.url).startswith("https://"):
            raise SettingsError([f"the address of the webhook {one.name} must start with https://"])
    if len({one.name for one in found}) != len(found):
        raise SettingsError(["two webhooks have the same name"])
    return found
