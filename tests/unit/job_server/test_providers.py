"""How a site describes the provider of log-ins, and what its claims give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sallyport_job_server.providers import Provider

GIVEN: dict[str, Any] = {"issuer": "https://login.example.org", "client_id": "sallyport"}


def test_all_that_a_provider_needs_is_two_words() -> None:
    assert Provider.parse(json.dumps(GIVEN)) == Provider(**GIVEN)
    assert Provider.parse(json.dumps(GIVEN | {"issuer": "http://localhost:8000"}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"issuer": "http://login.example.org"}, "issuer must be an https:// address"),
        ({"issuer": ""}, "issuer must be an https:// address"),
        ({"issuer": 1}, "must be strings"),
        ({"secret": "x"}, "secret is not known"),
        ({"roles": []}, "roles must be an object of lists"),
        ({"roles": {"a": "admin"}}, "roles must be an object of lists"),
        ({"roles": {"a": ["researcher"]}}, "researcher is not a role; possible: admin"),
        ({"creates_accounts": "yes"}, "must be true or false"),
    ],
)
def test_a_mistake_is_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Provider.parse(json.dumps(GIVEN | more))


def test_something_else_is_no_provider() -> None:
    for text in ("[]", "{}", '{"issuer": "https://login.example.org"}'):
        with pytest.raises(ValueError, match="issuer and client_id"):
            Provider.parse(text)


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"groups": ["a", "b", "c"]}, {"admin", "output_checker"}),
        ({"groups": "a"}, {"admin"}),
        ({"groups": [{"name": "a"}, 1, None]}, set()),
        ({"groups": {"a": 1}}, set()),
        ({}, set()),
    ],
)
def test_groups_give_roles(claims: dict[str, Any], roles: set[str]) -> None:
    provider = Provider(**GIVEN, roles={"a": ("admin",), "b": ("output_checker",)})
    assert provider.roles_of(claims) == roles
    assert provider.managed == {"admin", "output_checker"}
