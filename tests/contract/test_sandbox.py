"""What the runner says of a job's container is what roles and firewall say."""

from __future__ import annotations

import json
import re

from repository import ROLES, ROOT, read

SANDBOX = json.loads((ROOT / "files/runner/src/sallyport_runner/sandbox.json").read_text("utf-8"))
FIREWALL = ROOT / "roles/firewall/files/sallyport_firewall.py"


def test_the_account_of_jobs_and_their_network_have_one_number_and_one_name() -> None:
    values = read(ROOT / "roles/runner/vars/main.yml")
    assert values["__runner_job"]["id"] == SANDBOX["user"]
    assert values["__runner_job"]["name"] == SANDBOX["environment"]["USER"]
    assert values["__runner_network"] == SANDBOX["database_network"]
    bridge = re.search(r'^BRIDGE = "(.+)"$', FIREWALL.read_text("utf-8"), re.MULTILINE)
    assert bridge
    assert bridge[1] == SANDBOX["database_network"]


def test_no_other_code_writes_them_down() -> None:
    homes = {ROOT / "roles/runner/vars/main.yml", FIREWALL}
    files = [path for role in ROLES for path in role.rglob("*") if path.suffix in {".py", ".yml"}]
    files += (ROOT / "files").glob("*/src/**/*.py")
    # `=10000` is a setting of something else, as of the journal.
    pattern = re.compile(rf"(?<![=\d])\b{SANDBOX['user']}\b|{SANDBOX['database_network']}")
    found = {path for path in files if pattern.search(path.read_text("utf-8"))} - homes
    assert {str(path.relative_to(ROOT)) for path in found} == set()
