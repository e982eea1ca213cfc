"""An operator at a controller: an ordinary user of this machine who follows the page.

What the page calls yours is the test's: addresses, domain, database, DNS. `VALUES` says which
text of the page stands for what; nothing else is changed.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from walkthrough import Step, merged

from console import ROOT
from journey import Journey
from places import Places

USER = "sallyport-install"
NUMBER = os.environ.get("SALLYPORT_RIG_NUMBER", "79")
EXAMPLE, DOMAIN = "tre.example.org", "sallyport.internal"
SUDO_PASSWORD = "a password for sudo\n"
TAILS = {
    "198.51.100.0/25": "0.0/24", "198.51.100.128/25": "1.0/24",
    "203.0.113.0/25": "2.0/24", "203.0.113.128/25": "3.0/24",
    "198.51.100.11": "0.10", "198.51.100.10": "0.20", "198.51.100.140": "1.20",
    "198.51.100.20": "0.30", "198.51.100.150": "1.30",
    "198.51.100.160": "1.40", "203.0.113.40": "2.40", "203.0.113.140": "3.40",
    "203.0.113.50": "2.50", "198.51.100.170": "1.50",
    "203.0.113.126": "2.254", "198.51.100.5": "0.0/16",
}  # fmt: skip
"""Addresses of the page, and what they are in the networks of the rig."""
VALUES = {
    **{old: f"10.{NUMBER}.{tail}" for old, tail in TAILS.items()},
    EXAMPLE: DOMAIN,
}
# A network is not an address with a length, and a domain may follow a name and precede a path.
STANDS_FOR = re.compile(
    "|".join(
        [rf"(?<![\w.]){re.escape(old)}(?![\w/])" for old in sorted(TAILS, key=len)[::-1]]
        + [rf"\b{re.escape(EXAMPLE)}(?!\w)"]
    )
)


def own(text: str) -> str:
    """Return a string of the page or of the example with the test's own values."""
    return STANDS_FOR.sub(lambda match: VALUES[match[0]], text)


@dataclass
class Operator:
    """Somebody with a home and a shell whose variables and functions last from step to step."""

    home: Path
    repository: Path

    def __post_init__(self) -> None:
        self._state = self.home / "shell-state"
        self._folder = self.home / "shell-folder"
        self._folder.write_text(str(self.home))
        self.log = ROOT / "build/log/install-walk.log"
        self.log.write_text("")

    @property
    def checkout(self) -> Path:
        """Return the clone that the first step makes."""
        return self.home / "sallyport"

    @property
    def inventory(self) -> Path:
        """Return the copy of the example."""
        return self.checkout / "inventories/mysite"

    def follow(self, step: Step) -> None:
        """Do what one block of the page says."""
        if step.kind == "sh":
            self.type(step.text)
        else:
            self.write(step)
        if "cp -r inventories/example" in step.text:
            self._describe()

    def type(self, commands: str) -> str:
        """Run commands in the operator's shell; return what they printed, fail with them."""
        words = commands.replace("<this repository>", str(self.repository))
        words = words.replace("ansible-vault create", "ansible-vault create --skip-tty-check")
        script = "\n".join([
            "set -euo pipefail; set -a",
            f"if [ -e {self._state} ]; then . {self._state}; fi",
            f'cd "$(cat {self._folder})"',
            own(words),
            f"(export -p | grep -v ' SHELLOPTS'; declare -f) > {self._state}",
            f"pwd > {self._folder}",
        ])  # fmt: skip
        done = self.run("bash", "-c", script)
        with self.log.open("a") as stream:
            stream.write(f"{own(words)}\n{done.stdout}{done.stderr}\n")
        assert done.returncode == 0, f"{own(words)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, away from the terminal."""
        account = pwd.getpwnam(USER)
        return subprocess.run(
            ["setpriv", f"--reuid={USER}", f"--regid={account.pw_gid}", "--init-groups", *words],
            cwd=self.home,
            env=self._environment(),
            input=SUDO_PASSWORD,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in {"PATH", "LANG"} or name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_"))
            or name.lower().endswith("_proxy")
        }  # fmt: skip
        return kept | {
            "HOME": str(self.home),
            "USER": USER,
            "EDITOR": str(self.home / "editor"),
            "ANSIBLE_NOCOLOR": "1",
            "NO_PROXY": f"{DOMAIN},127.0.0.1",
            "PATH": f"/usr/local/bin:/usr/bin:/bin:{kept['PATH']}",
        }

    def write(self, step: Step) -> None:
        """Put a block's values over those of the file that it names."""
        path = self.checkout / step.file
        present = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        values = yaml.safe_load(own(step.text))
        path.write_text(yaml.safe_dump(merged(present or {}, values), sort_keys=False))
        self._take(path)

    def _describe(self) -> None:
        """Replace the domain and the addresses of the example, and name this machine's archives."""
        for path in self.inventory.rglob("*.yml"):
            path.write_text(own(path.read_text(encoding="utf-8")), encoding="utf-8")
        machine = ROOT / "inventories/demo/group_vars/all/machine.yml"
        archives = self.inventory / "group_vars/all/archives.yml"
        archives.write_text(machine.read_text(encoding="utf-8"), encoding="utf-8")
        self._take(archives)

    def _take(self, path: Path) -> None:
        account = pwd.getpwnam(USER)
        os.chown(path, account.pw_uid, account.pw_gid)

    def vault(self) -> dict[str, str]:
        """Return the secrets of the site."""
        shown = self.type("ansible-vault view inventories/mysite/group_vars/all/vault.yml")
        return dict(yaml.safe_load(shown))


def prepare_home(home: Path, database: Places) -> None:
    """Give the operator what a person has: a key, an editor's habits, a vault password, DNS."""
    home.joinpath(".sallyport-vault").write_text("the vault's password")
    password = database.secrets["vault_database_job_password"]
    secret = f"vault_database_job_password: {password}"
    authority = database.secrets["vault_certificate_authority_certificate"]
    home.joinpath("database-ca.pem").write_text(authority)
    editor = home / "editor"
    editor.write_text(f"#!/bin/sh\ncat > \"$1\" <<'END'\n{secret}\nEND\n")
    editor.chmod(0o755)
    names = {"jobs": "0.20", "forge": "0.10", "hatch": "3.40"}
    entries = [f"{name}.{DOMAIN}:443:10.{NUMBER}.{tail}" for name, tail in names.items()]
    home.joinpath(".curlrc").write_text("".join(f'resolve = "{entry}"\n' for entry in entries))
    resolve = "".join(f"\tcurloptResolve = {entry}\n" for entry in entries)
    home.joinpath(".gitconfig").write_text(f"[safe]\n\tdirectory = *\n[http]\n{resolve}")
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700)
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / "id_ed25519")]
    subprocess.run(key, check=True)


@dataclass(frozen=True)
class Site(Places):
    """Where the deployed site answers, with its own secrets and its own authority."""

    operator: Operator = field(kw_only=True)

    @cached_property
    def secrets(self) -> dict[str, Any]:
        """Return the secrets that the operator made."""
        return dict(self.operator.vault())

    @cached_property
    def authority(self) -> Path:
        """Return the file that the page writes."""
        return self.operator.checkout / "authority.pem"


class FirstStudy(Journey):
    """The page's study, and the people that the page invites."""

    @cached_property
    def passwords(self) -> dict[str, str]:
        """Return the passwords in the files that the page writes."""
        folder = self.places.authority.parent
        people = ("rachel", "chen", "chidi")
        return {name: (folder / f"password-{name}").read_text().strip() for name in people}
