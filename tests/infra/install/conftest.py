"""The operator of the page, the hosts that they were given, and the database that they have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from testinfra.host import Host
from walkthrough import installation

from console import ROOT
from controller import DOMAIN, USER, FirstStudy, Operator, Site, prepare_home
from places import Places

RIG = os.environ.get("SALLYPORT_RIG", "test-a")
DEPLOYED = ["forge", "jobs", "proxy", "runner"]
LOGIN = "deploy"
DEPLOY = "site.yml"


def admit(host: Host, key: str) -> None:
    """Give a host the user that Ansible logs in as."""
    script = f"""
useradd --create-home --shell /bin/bash {LOGIN}
install -d -m 700 -o {LOGIN} -g {LOGIN} /home/{LOGIN}/.ssh
echo '{key}' > /home/{LOGIN}/.ssh/authorized_keys
chown {LOGIN}:{LOGIN} /home/{LOGIN}/.ssh/authorized_keys
echo '{LOGIN} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{LOGIN}
"""
    host.check_output("sh -euc %s", script)


def provide_database() -> None:
    """Run a hospital's database, with an authority of its own, on a host that no site knows."""
    ways = [f"sallyport-{RIG}-internet", f"sallyport-{RIG}-database"]
    subprocess.run(["docker", "network", "connect", *ways], check=True)
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    words = [playbook, "playbooks/database.yml", "-i", "inventories/demo"]
    # Its certificate has the name by which the site's jobs reach it.
    words += ["--extra-vars", f"site_domain={DOMAIN}"]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    subprocess.run(["docker", "network", "disconnect", *ways], check=True)
    assert done.returncode == 0, done.stdout[-4000:]


def remove_user() -> bool:
    """End what the user still runs, such as connections kept open for a minute, and remove it."""
    commands = (["pkill", "--signal", "KILL", "--uid", USER], ["userdel", "--remove", USER])
    codes = [
        subprocess.run(words, capture_output=True, check=False).returncode for words in commands
    ]
    return codes[-1] == 0


@pytest.fixture(scope="session")
def operator() -> Iterator[Operator]:
    """An ordinary user of this machine, removed afterwards unless SALLYPORT_KEEP asks to stay."""
    home = Path("/home") / USER
    remove_user()
    groups = ["--groups", "docker"]
    subprocess.run(["useradd", "--create-home", *groups, "--shell", "/bin/bash", USER], check=True)
    repository = home / "sallyport.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(repository)], check=True)
    prepare_home(home, Places(RIG))
    operator = Operator(home, repository)
    subprocess.run(["chown", "-R", f"{USER}:", str(home)], check=True)
    yield operator
    if not os.environ.get("SALLYPORT_KEEP"):
        assert remove_user()


@pytest.fixture(scope="session")
def site(operator: Operator, rig: Callable[[str], Host]) -> Site:
    """The site at the end of the page."""
    key = (operator.home / ".ssh/id_ed25519.pub").read_text().strip()
    for name in DEPLOYED:
        admit(rig(name), key)
    with ThreadPoolExecutor(1) as pool:
        database = pool.submit(provide_database)
        for step in installation():
            if DEPLOY in step.text:
                database.result()
            operator.follow(step)
    return Site(RIG, domain=DOMAIN, operator=operator)


@pytest.fixture(scope="session")
def study(site: Site) -> FirstStudy:
    """The study that the page has run."""
    return FirstStudy(site, study="first-study", workspace="first")
