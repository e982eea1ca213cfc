"""The gate: an inventory without fault passes, and each fault has one sentence of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError

from ansible_collections.sallyport.site.plugins.action.check_inventory import version_fault
from ansible_collections.sallyport.site.plugins.plugin_utils import inventory_model as model
from ansible_collections.sallyport.site.plugins.plugin_utils import inventory_rules as rules
from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT

SITE = {
    "site_domain": {"type": "str", "required": True, "description": "Domain of all names."},
    "site_backend": {"type": "str", "required": True, "description": "Name of the backend."},
    "site_production": {"type": "bool", "description": "Real data or not."},
    "site_networks": {"type": "dict", "description": "Networks by name."},
    "site_addresses": {"type": "dict", "description": "Addresses by network."},
    "site_job_server": {"type": "str", "choices": ["own", "existing"], "description": "Which."},
    "site_job_server_url": {"type": "str", "description": "Where it answers."},
    "site_job_server_address": {"type": "str", "description": "Where it stands."},
    "site_trusted_keys": {"type": "list", "description": "Who signs."},
}
PROXY = {
    "proxy_token": {"type": "str", "required": True, "no_log": True, "description": "Token."},
    "proxy_limit": {"type": "int", "description": "Requests each minute."},
    "proxy_sites": {"type": "list", "required": True, "description": "Given by the play."},
}
HATCH = {"release_hatch_signing_key": {"type": "str", "no_log": True, "description": "Key."}}
DEMO = {"demo_hospital_patients": {"type": "int", "description": "How many are made up."}}
VALUES = {
    "site_domain": "tre.test",
    "site_backend": "hospital",
    "site_production": False,
    "site_networks": {"dmz": "198.51.100.0/25"},
    "site_addresses": {"dmz": "198.51.100.10"},
    "site_trusted_keys": ["a public key"],
    "release_hatch_signing_key": "x",
}
EXISTING = {
    "site_job_server": "existing",
    "site_job_server_url": "https://jobs.example.org",
    "site_job_server_address": "203.0.113.200",
    "site_trusted_keys": [],
}
GROUPS = {
    "all": ["jobs", "runner"],
    "ungrouped": [],
    "job_servers": ["jobs"],
    "proxies": ["jobs"],
    "runners": ["runner"],
    "release_hatches": ["runner"],
    "zone_public": ["jobs"],
    "zone_secure": ["runner"],
}
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def write(path: Path, data: Any) -> None:
    """Write data as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> model.Distribution:
    """A distribution of two roles, one of which depends on the other."""
    root = tmp_path_factory.mktemp("distribution")
    roles = {"site": SITE, "proxy": PROXY, "demo_hospital": DEMO, "release_hatch": HATCH}
    for role, options in roles.items():
        specification = {"argument_specs": {"main": {"options": options}}}
        write(root / f"roles/{role}/meta/argument_specs.yml", specification)
    write(root / "roles/proxy/meta/main.yml", {"dependencies": ["site"]})
    entry = {"old": "proxy_rate", "new": "proxy_limit", "until": "0.3.0"}
    write(root / "roles/proxy/vars/main.yml", {"__proxy_renamed": [entry]})
    given = {"name": "vault_backend_token", "kind": "given"}
    write(root / "roles/site/meta/secrets.yml", [given, {"name": "vault_x", "kind": "token"}])
    write(root / "site.yml", [{"ansible.builtin.import_playbook": "playbooks/proxy.yml"}])
    play = {"hosts": "proxies", "roles": [{"role": "proxy", "vars": {"proxy_sites": []}}]}
    write(root / "playbooks/proxy.yml", [play])
    return model.Distribution(root)


def judge(known: model.Distribution, change: Change | None = None, values: bool = True) -> str:
    """Return the sentence about an inventory with one change, or an empty text."""
    groups: dict[str, Any] = copy.deepcopy(GROUPS)
    variables: dict[str, Any] = {"jobs": VALUES | {"proxy_token": "x"}, "runner": dict(VALUES)}
    if change:
        change(groups, variables)

    def evaluate(host: str, name: str) -> Any:
        value = variables[host][name]
        if str(value).startswith("{{"):
            raise AnsibleError(f"'{str(value).strip('{ }')}' is undefined")
        return value

    inventory = model.Inventory(groups, variables, evaluate, (Path("inventories/mysite"),))
    return rules.first_fault(inventory, known, values) or ""


def put(name: str, value: Any, host: str = "jobs") -> Change:
    """Return a change that sets one variable."""
    return lambda _, variables: variables[host].__setitem__(name, value)


def test_an_inventory_without_fault_passes(known: model.Distribution) -> None:
    assert judge(known) == ""


FAULTS: dict[str, tuple[Change, str]] = {
    "no zone": (
        lambda groups, _: groups["zone_public"].clear(),
        "Host jobs is in no zone; put it in exactly one of zone_public, zone_dmz, zone_secure, "
        "zone_internet.",
    ),
    "two zones": (
        lambda groups, _: groups["zone_secure"].append("jobs"),
        "Host jobs is in zone_public and zone_secure; put it in exactly one of ",
    ),
    "hatch elsewhere": (
        lambda groups, _: groups["release_hatches"].append("jobs"),
        "Host jobs is in release_hatches but not in runners; a release hatch reads the runner's "
        "files, so it must be one of runner.",
    ),
    "misspelt group": (
        lambda groups, _: groups.update(runner_s=["runner"]),
        "Unknown group runner_s, did you mean runners? Accepted are job_servers, ",
    ),
    "renamed": (
        put("proxy_rate", 5),
        "proxy_rate is now called proxy_limit; rename it (this check goes with version 0.3.0).",
    ),
    "misspelt": (
        put("proxy_limmit", 5),
        "Unknown variable proxy_limmit (host jobs), did you mean proxy_limit?",
    ),
    "misspelt prefix": (
        put("porxy_limit", 5),
        "Unknown variable porxy_limit (host jobs), did you mean proxy_limit?",
    ),
    "strange": (
        put("proxy_colour_of_the_door", 5),
        "Unknown variable proxy_colour_of_the_door (host jobs); docs/operators/variables.md lists "
        "all of role proxy.",
    ),
    "placeholder": (
        put("site_domain", "CHANGE_ME"),
        "A placeholder still stands in site_domain; accepted is str, Domain of all names.",
    ),
    "placeholder in a list": (
        put("proxy_sites", [{"name": "<your name>"}]),
        "A placeholder still stands in proxy_sites; ",
    ),
    "placeholder secret": (
        put("vault_proxy_token", "CHANGE_ME"),
        "A placeholder still stands in vault_proxy_token; "
        "playbooks/operations/generate_secrets.yml makes it.",
    ),
    "missing": (
        lambda _, variables: variables["jobs"].pop("site_domain"),
        "site_domain is missing for host jobs (role site); accepted is str, Domain of all names.",
    ),
    "empty": (
        put("proxy_token", ""),
        "proxy_token is missing for host jobs (role proxy); accepted is str, Token.",
    ),
    "missing in the vault": (
        put("proxy_token", "{{ vault_proxy_token }}"),
        "vault_proxy_token is missing in the vault (proxy_token needs it on host jobs); "
        "playbooks/operations/generate_secrets.yml makes it.",
    ),
    "missing and never made": (
        put("proxy_token", "{{ vault_backend_token }}"),
        "vault_backend_token is missing in the vault (proxy_token needs it on host jobs); the "
        "operators of the job server give it, so write it into vault.yml.",
    ),
    "undefined": (
        put("site_domain", "{{ our_domain }}"),
        "site_domain refers to our_domain, which nothing defines (host jobs); ",
    ),
    "choice": (
        put("site_job_server", "mine"),
        "site_job_server is not valid for host jobs: value of site_job_server must be one of: own, "
        "existing, got: mine; accepted is one of own, existing.",
    ),
    "type": (
        put("proxy_limit", "many"),
        "proxy_limit is not valid for host jobs: ",
    ),
    "domain": (put("site_domain", "TRE"), "site_domain is TRE; it must be a lower-case domain "),
    "backend": (put("site_backend", "test"), "site_backend is test; it must be 2 to 40 "),
    "unknown network": (
        put("site_addresses", {"dzm": "198.51.100.10"}),
        "Host jobs has an address in dzm; site_networks has only dmz.",
    ),
    "address elsewhere": (
        put("site_addresses", {"dmz": "198.51.100.200"}),
        "Host jobs has 198.51.100.200 in dmz; site_networks wants an IP address in 198.51.100.0/25",
    ),
    "no address": (
        put("site_addresses", {"dmz": "our-host"}),
        "Host jobs has our-host in dmz; site_networks wants an IP address in 198.51.100.0/25",
    ),
    "no job server": (
        lambda groups, _: groups["job_servers"].clear(),
        "site_job_server is own, but no host is in job_servers; put one there, or set "
        "site_job_server: existing to work with a job server elsewhere.",
    ),
    "address of our own job server": (
        put("site_job_server_address", "203.0.113.200"),
        "site_job_server_address is for a job server elsewhere; remove it, or set ",
    ),
    "nobody signs": (
        put("site_trusted_keys", []),
        "site_trusted_keys is empty, so unsigned job requests would run; name ",
    ),
    "no signing key": (
        put("release_hatch_signing_key", "", "runner"),
        "release_hatch_signing_key is missing for host runner (role release_hatch); set it to ",
    ),
    "demo data": (
        lambda _, variables: [
            variables[host].update(site_production=True, demo_hospital_patients=5)
            for host in variables
        ],
        "site_production is true, but demo_hospital_patients (host jobs) asks for made-up patients",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_sentence(
    known: model.Distribution, change: Change, sentence: str
) -> None:
    told = judge(known, change)
    assert told.startswith(sentence)
    assert "\n" not in told


def existing(groups: dict[str, Any], variables: dict[str, Any], **values: Any) -> None:
    """Change an inventory to one that works with a job server elsewhere."""
    groups["job_servers"] = []
    for held in variables.values():
        held.update(EXISTING | values)
        held.pop("release_hatch_signing_key")


def test_a_job_server_elsewhere_needs_no_host_and_no_key(known: model.Distribution) -> None:
    assert judge(known, existing) == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"site_job_server_url": ""}, "so site_job_server_url must name it; accepted is an https"),
        ({"site_job_server_url": "http://jobs.example.org"}, "so site_job_server_url must name it"),
        ({"site_job_server_address": ""}, "so site_job_server_address must be its IPv4 address"),
        ({"site_job_server_address": "jobs.example.org"}, "so site_job_server_address must be its"),
        ({"site_job_server_address": "::1"}, "so site_job_server_address must be its"),
    ],
)
def test_a_job_server_elsewhere_is_found_by_url_and_address(
    known: model.Distribution, values: dict[str, str], sentence: str
) -> None:
    told = judge(known, lambda groups, variables: existing(groups, variables, **values))
    assert told.startswith(f"site_job_server is existing, {sentence}")


def test_a_job_server_elsewhere_is_no_host_of_ours(known: model.Distribution) -> None:
    def change(groups: dict[str, Any], variables: dict[str, Any]) -> None:
        existing(groups, variables)
        groups["job_servers"] = ["jobs"]

    assert judge(known, change) == (
        "site_job_server is existing, but jobs is in job_servers; empty that group, or set "
        "site_job_server: own."
    )


def test_a_trial_claims_no_zone_and_no_real_data(known: model.Distribution) -> None:
    def trial(production: bool) -> Change:
        def change(groups: dict[str, Any], variables: dict[str, Any]) -> None:
            groups.clear()
            groups.update({"all": ["jobs"], "job_servers": ["jobs"]})
            variables.pop("runner")
            variables["jobs"]["site_production"] = production

        return change

    assert judge(known, trial(False)) == ""
    assert judge(known, trial(True)).startswith(
        "site_production is true, but the inventory claims no zones, so it is a trial; set "
    )


def test_several_hosts_without_zones_are_no_trial(known: model.Distribution) -> None:
    def change(groups: dict[str, Any], _: dict[str, Any]) -> None:
        groups["zone_public"], groups["zone_secure"] = [], []

    assert judge(known, change).startswith("Host jobs is in no zone; ")


def test_names_alone_can_be_judged(known: model.Distribution) -> None:
    assert judge(known, put("proxy_token", ""), values=False) == ""
    assert judge(known, put("proxy_tokne", "x"), values=False).startswith("Unknown variable")


def test_the_value_of_a_secret_is_never_told(known: model.Distribution) -> None:
    told = judge(known, put("proxy_token", ["hunter2"]))
    assert told == "" or "hunter2" not in told


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("inventories/mysite", "The inventory inventories/mysite names no host; "),
        ("/etc/ansible/hosts", "No inventory is named; copy inventories/example to "),
        (str(ROOT / "inventories/example"), "inventories/example is a pattern and is never "),
        (str(ROOT / "inventories/example/hosts.yml"), "inventories/example is a pattern "),
    ],
)
def test_an_inventory_must_be_there(known: model.Distribution, source: str, sentence: str) -> None:
    empty = model.Inventory({"all": []}, {}, lambda *_: None, (Path(source),))
    assert (rules.first_fault(empty, known, True) or "").startswith(sentence)


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", ["jobs", "runner"]),
        ("runners:proxies", ["runner", "jobs"]),
        ("all:!proxies", ["runner"]),
        ("all:&zone_secure", ["runner"]),
        ("nobody", []),
        ("{{ chosen | default('all') }}", ["jobs", "runner"]),
        ("runners:&{{ chosen | default('all') }}", ["runner"]),
    ],
)
def test_patterns_of_plays_are_understood(pattern: str, hosts: list[str]) -> None:
    inventory = model.Inventory(GROUPS, {}, lambda *_: None)
    assert inventory.hosts_of(pattern) == hosts


def test_roles_under_a_condition_check_themselves(tmp_path: Path) -> None:
    play = model.play_of({"hosts": "a", "roles": ["x", {"role": "y", "when": "z"}]}, tmp_path)
    assert play.roles == ("x",)


@pytest.mark.parametrize(("version", "accepted"), [("2.18.9", False), ("2.19.0", True)])
def test_untested_versions_of_ansible_are_refused(version: str, accepted: bool) -> None:
    assert (version_fault(version) is None) is accepted
    assert version_fault("2.22.0") == "This is ansible-core 2.22.0; accepted is 2.19, 2.20 or 2.21."
