"""The log-in of the organisation: a provider of OpenID Connect (OpenID Connect Core 1.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from sallyport_job_server.relays import HERE
from sallyport_job_server.roles import GLOBAL_ROLES

EXPECTED = "expected a JSON object with issuer and client_id"
TEXTS = ("issuer", "client_id", "name", "scopes", "username_claim", "roles_claim")

SWITCHES = ("creates_accounts", "verifies_mail")


@dataclass(frozen=True)
class Provider:
    """Where people log in with the account of their organisation, and what its claims mean.

    `scopes` is what is asked for, between spaces. `username_claim` names the claim from which a new
    account has its name. Each value of the claim `roles_claim` that `roles` has gives the roles
    there, at every log-in, and its absence takes them; other roles are left alone.
    `creates_accounts` is whether who has no account gets one, `verifies_mail` whether a mail
    address is somebody's although the claim `email_verified` is missing.
    """

    issuer: str
    client_id: str
    name: str = "your organisation"
    scopes: str = "openid profile email"
    username_claim: str = "preferred_username"
    roles_claim: str = "groups"
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    creates_accounts: bool = False
    verifies_mail: bool = False

    @classmethod
    def parse(cls, text: str) -> Provider:
        """Read a JSON object of the fields; raise ValueError."""
        given = json.loads(text)
        if not isinstance(given, dict) or not {"issuer", "client_id"} <= given.keys():
            raise ValueError(EXPECTED)
        if unknown := sorted(given.keys() - {one.name for one in fields(cls)}):
            raise ValueError(f"{', '.join(unknown)} is not known; {EXPECTED}")
        if not all(isinstance(given.get(name, ""), str) for name in TEXTS):
            raise ValueError(f"{', '.join(TEXTS)} must be strings")
        url = urlsplit(given["issuer"])
        if not url.hostname or (url.scheme != "https" and url.hostname not in HERE):
            raise ValueError("issuer must be an https:// address")
        if not all(type(given.get(name, False)) is bool for name in SWITCHES):
            raise ValueError(f"{' and '.join(SWITCHES)} must be true or false")
        return cls(**given | {"roles": _roles(given.get("roles", {}))})

    def roles_of(self, claims: Mapping[str, Any]) -> set[str]:
        """Return the roles that the claims of a person give."""
        held = claims.get(self.roles_claim, ())
        held = [held] if isinstance(held, str) else held
        groups = [one for one in held if isinstance(one, str)] if isinstance(held, list) else []
        return {role for group in groups for role in self.roles.get(group, ())}

    @property
    def managed(self) -> set[str]:
        """The roles that this provider gives and takes."""
        return {role for roles in self.roles.values() for role in roles}


def _roles(given: Any) -> dict[str, tuple[str, ...]]:
    known = {str(role) for role in GLOBAL_ROLES}
    if not isinstance(given, dict) or not all(isinstance(one, list) for one in given.values()):
        raise ValueError("roles must be an object of lists")
    if wrong := sorted({str(role) for roles in given.values() for role in roles} - known):
        raise ValueError(f"{', '.join(wrong)} is not a role; possible: {', '.join(sorted(known))}")
    return {group: tuple(roles) for group, roles in given.items()}
