"""Every forge of a site, and its credentials as secret files, arrive at proxy and job server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template
from repository import ROOT
from site_inventory import loader

from sallyport_proxy.services.policy_file import load_policy

FORGES = {"github.com": "https://github.com", "code.example": "https://git.inside.example:8443/"}
CREDENTIALS = {
    "github.com": "reader:f0rge-0ne",
    "code.example/demo-org": "reader:organisation-tw0",
    "code.example": "other:f0rge-tw0",
}
FILES = {
    "github.com": "git_github.com",
    "code.example/demo-org": "git_code.example_demo-org",
    "code.example": "git_code.example",
}


def templar(role: str, credentials: dict[str, str]) -> Templar:
    """Return an engine that knows the defaults and variables of a role, for two forges."""
    values: dict[str, Any] = {}
    for name in ("site/defaults", f"{role}/defaults", f"{role}/vars"):
        file = str(ROOT / f"roles/{name}/main.yml")
        values |= loader().load_from_file(file, trusted_as_template=True)
    values |= {
        "site_forges": FORGES,
        "site_forge_credentials": credentials,
        "site_domain": "tre.example",
        "site_image_namespace": "our-org",
        "site_allowed_organisations": ["our-org"],
        "site_networks": {"dmz": "10.1.0.0/24", "secure": "10.1.1.0/24"},
        "site_addresses": {"dmz": "10.1.0.5"},
        "job_server_url": "https://jobs.tre.example",
        "job_server_database_url": "postgresql:///job_server",
        "ansible_managed": "Managed by Ansible",
        "ansible_search_path": [str(ROOT / "roles" / role)],
    }
    names = ("secret_key", "signing_key", "hatch_signing_key", "database_password")
    values |= {f"job_server_{name}": "not of a forge" for name in names}
    values |= {"job_server_administrators": [], "job_server_backends": []}
    return Templar(loader=loader(), variables=values)


def rendered(engine: Templar, expression: str) -> Any:
    """Return what an expression gives in a role."""
    return engine.template(trust_as_template(f"{{{{ {expression} }}}}"))


@pytest.mark.parametrize("credentials", [CREDENTIALS, {}], ids=["credentials", "none"])
def test_the_proxy_gets_every_forge_and_each_credential_as_a_file(
    credentials: dict[str, str], tmp_path: Path
) -> None:
    engine = templar("proxy", credentials)
    text = rendered(engine, "lookup('ansible.builtin.template', 'policy.yml.j2')")
    secrets = rendered(engine, "__proxy_secrets")
    (tmp_path / "secrets").mkdir()
    for name, value in secrets.items():
        (tmp_path / "secrets" / name).write_text(value)
    (tmp_path / "policy.yml").write_text(text)
    git = load_policy(tmp_path / "policy.yml", tmp_path / "secrets").git
    assert git
    assert git.forges == {host: url.rstrip("/") for host, url in FORGES.items()}
    assert git.credentials == {owner: FILES[owner] for owner in credentials}
    assert secrets == {FILES[owner]: value for owner, value in credentials.items()}
    shown = text + str(rendered(engine, "__proxy_environment"))
    assert not [value for value in CREDENTIALS.values() if value in shown]


@pytest.mark.parametrize("credentials", [CREDENTIALS, {}], ids=["credentials", "none"])
def test_the_job_server_gets_every_forge_and_each_credential_as_a_file(
    credentials: dict[str, str],
) -> None:
    engine = templar("job_server", credentials)
    environment = rendered(engine, "__job_server_environment")
    folder = rendered(engine, "__job_server_secrets_folder")
    assert environment["JOB_SERVER_FORGES"] == FORGES
    files = {owner: f"{folder}/{FILES[owner]}" for owner in credentials}
    assert environment["JOB_SERVER_GIT_CREDENTIALS"] == files
    secrets = rendered(engine, "__job_server_secrets")
    of_forges = {name: value for name, value in secrets.items() if name.startswith("git_")}
    assert of_forges == {FILES[owner]: value for owner, value in credentials.items()}
    assert not [value for value in CREDENTIALS.values() if value in str(environment)]
