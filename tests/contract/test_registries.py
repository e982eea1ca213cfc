"""A site's images, registries and reusable actions arrive at runner, job server and proxy alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template
from repository import ROOT
from site_inventory import loader

from sallyport_proxy.models import ClientRequest, Refusal
from sallyport_proxy.policy import Policy
from sallyport_proxy.services.gate import authorise
from sallyport_proxy.services.policy_file import load_policy
from sallyport_study.catalogue import DEFAULT, Catalogue
from sallyport_study.reusable import Home

RSTAN = {"name": "rstan", "repository": "quay.io/our-org/rstan", "tags": ["v1"]}
SITE: dict[str, Any] = {
    "site_registries": {"quay.io": "https://quay.io"},
    "site_images": [RSTAN, {"name": "python", "repository": "our-team/python"}],
    "site_action_organisation": "github.com/our-actions",
}
EMPTY: dict[str, Any] = {
    "site_registries": {}, "site_images": [], "site_action_organisation": "",
}  # fmt: skip


def templar(role: str, **values: Any) -> Templar:
    """Return an engine that knows the defaults and variables of a role."""
    known: dict[str, Any] = {}
    for name in ("site/defaults", f"{role}/defaults", f"{role}/vars"):
        file = str(ROOT / f"roles/{name}/main.yml")
        known |= loader().load_from_file(file, trusted_as_template=True)
    known |= {
        "site_domain": "tre.example",
        "site_allowed_organisations": ["our-org"],
        "site_networks": {"dmz": "10.1.0.0/24", "secure": "10.1.1.0/24"},
        "site_addresses": {"dmz": "10.1.0.5"},
        "ansible_managed": "Managed by Ansible",
        "ansible_search_path": [str(ROOT / "roles" / role)],
    }
    return Templar(loader=loader(), variables=known | values)


def rendered(engine: Templar, expression: str) -> Any:
    """Return what an expression gives in a role."""
    return engine.template(trust_as_template(f"{{{{ {expression} }}}}"))


def policy(folder: Path, **values: Any) -> Policy:
    """Return the policy that the role writes."""
    text = rendered(
        templar("proxy", **values), "lookup('ansible.builtin.template', 'policy.yml.j2')"
    )
    (folder / "policy.yml").write_text(text)
    return load_policy(folder / "policy.yml")


def passes(given: Policy, host: str, target: str) -> bool:
    """Return whether a request of the secure zone is granted."""
    request = ClientRequest(
        method="GET",
        host=f"{host}.tre.example",
        target=target,
        headers={},
        address="10.1.1.5",
    )
    try:
        authorise(given, request)
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("values", [SITE, EMPTY], ids=["site", "none"])
def test_the_proxy_serves_what_the_site_names(values: dict[str, Any], tmp_path: Path) -> None:
    own, given = values is SITE, policy(tmp_path, **values)
    for name in ("quay.io/our-org/rstan", "our-team/python"):
        assert passes(given, "docker-proxy", f"/v2/{name}/manifests/v1") == own
    refs = "/info/refs?service=git-upload-pack"
    assert passes(given, "github-proxy", f"/our-actions/cox{refs}") == own
    assert passes(given, "github-proxy", f"/our-org/study{refs}")
    assert passes(given, "docker-proxy", "/v2/sallyport/python/manifests/v2")
    assert not passes(given, "docker-proxy", "/v2/quay.io/our-org/other/manifests/v1")
    assert given.registry
    if own:
        there, _name = given.registry.of("quay.io/our-org/rstan")
        assert there.upstream == "https://quay.io"
        assert "https://cdn01.quay.io" in there.redirect_origins
        assert "https://cdn01.quay.io" not in given.registry.redirect_origins


def test_a_registrys_credential_is_a_file_of_its_own(tmp_path: Path) -> None:
    given = {**SITE, "proxy_registry_credentials": {"quay.io": "bot:w0rd"}}
    registry = policy(tmp_path, **given).registry
    assert registry
    assert registry.others["quay.io"].credential == "registry_quay.io"
    assert registry.credential is None
    secrets = rendered(templar("proxy", **given), "__proxy_secrets")
    assert secrets == {"registry_quay.io": "bot:w0rd"}


@pytest.mark.parametrize("values", [SITE, EMPTY], ids=["site", "none"])
def test_runner_and_job_server_know_the_same(values: dict[str, Any]) -> None:
    engine = templar("runner", **values, runner_stata_license="1!2!")
    text = rendered(engine, "__runner_environment.RUNNER_IMAGES")
    catalogue = Catalogue.parse(text if isinstance(text, str) else json.dumps(text))
    assert catalogue.names == sorted({*DEFAULT.names, *(i["name"] for i in values["site_images"])})
    assert (catalogue.entries["python"].repository == "our-team/python") == (values is SITE)
    homes = [
        rendered(templar(role, **values), f"__{role}_environment.{name}_ACTION_ORGANISATION")
        for role, name in (("runner", "RUNNER"), ("job_server", "JOB_SERVER"))
    ]
    assert homes == [values["site_action_organisation"]] * 2
    assert not homes[0] or str(Home.parse(homes[0])) == homes[0]


def test_the_licence_of_stata_is_a_secret_file() -> None:
    name = "__runner_environment.RUNNER_STATA_LICENSE_FILE"
    assert rendered(templar("runner"), name) == ""
    path = rendered(templar("runner", runner_stata_license="1!2!"), name)
    assert path == "/etc/sallyport/runner/secrets/stata_license"
