"""Where the hosts of a rig answer, for programs on this machine: addresses, trust, sessions.

Names of a rig resolve nowhere; like `curl --resolve`, a session here connects to an address and
still checks the certificate of the name.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
import yaml
from requests.adapters import HTTPAdapter

from console import BUILD, ROOT, output, stop

DOMAIN = "sallyport.test"
SERVICES = ("jobs", "forge", "registry", "hatch", "github-proxy", "docker-proxy", "archive")
# By inventory: service name, the host that answers for it, and the network it is reached from.
NAMES = {
    "demo": {
        "jobs": ("jobs", "internet"),
        "forge": ("forge", "internet"),
        "registry": ("forge", "internet"),
        "hatch": ("runner", "level4"),
    },
    "single-host": dict.fromkeys(SERVICES, ("sallyport", "internet")),
}


class _Pinned(HTTPAdapter):
    """Connects to one address and expects the certificate of one name."""

    def __init__(self, name: str, address: str) -> None:
        self._name, self._address = name, address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(
            *args, **kwargs, server_hostname=self._name, assert_hostname=self._name
        )

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        request.headers["Host"] = self._name
        request.url = str(request.url).replace(f"//{self._name}", f"//{self._address}", 1)
        kwargs["timeout"] = kwargs.get("timeout") or 70
        answer = super().send(request, *args, **kwargs)
        answer.url = answer.url.replace(f"//{self._address}", f"//{self._name}", 1)
        return answer


@dataclass(frozen=True)
class Places:
    """The hosts of one rig, such as `demo` or `test`, as an inventory places them."""

    rig: str
    inventory: str = "demo"
    domain: str = DOMAIN

    @cached_property
    def secrets(self) -> dict[str, Any]:
        """Return the vault of the inventory."""
        vault = ROOT / f"inventories/{self.inventory}/group_vars/all/vault.yml"
        if not vault.exists():
            play = "ansible-playbook playbooks/operations/generate_secrets.yml"
            stop(f"{vault.name} is missing; run: {play} -i inventories/{self.inventory}")
        return dict(yaml.safe_load(vault.read_text(encoding="utf-8")))

    @cached_property
    def authority(self) -> Path:
        """Return a file with the certificate of the rig's own authority."""
        suffix = "" if self.inventory == "demo" else f"-{self.inventory}"
        path = BUILD / f"authority{suffix}.pem"
        text = self.secrets["vault_certificate_authority_certificate"]
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        return path

    def host(self, service: str) -> str:
        """Return the full name of a service."""
        return f"{service}.{self.domain}"

    def url(self, service: str) -> str:
        """Return the address that people type."""
        return f"https://{self.host(service)}"

    def address(self, service: str) -> str:
        """Return where a service answers, read from the engine."""
        host, network = NAMES[self.inventory][service]
        networks = "{{json .NetworkSettings.Networks}}"
        shown = output(["docker", "inspect", "-f", networks, f"sallyport-{self.rig}-{host}"])
        if shown is None:
            stop(f"the host {host} of the rig {self.rig} does not run; run: make demo")
        return str(json.loads(shown)[f"sallyport-{self.rig}-{network}"]["IPAddress"])

    def session(self, *services: str) -> requests.Session:
        """Return a session that reaches these services by their names, and nothing else."""
        made = requests.Session()
        made.trust_env = False
        made.adapters.clear()
        made.verify = str(self.authority)
        for service in services:
            name = self.host(service)
            made.mount(f"https://{name}", _Pinned(name, self.address(service)))
        return made

    def git(self, *words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run git with the rig's trust and the forge's address."""
        name = self.host("forge")
        command = [
            "git", "-c", f"http.curloptResolve={name}:443:{self.address('forge')}",
            "-c", "user.name=Researcher",
            "-c", "user.email=researcher@example.org", "-c", "commit.gpgSign=false",
            "-c", "init.defaultBranch=main", *map(str, words),
        ]  # fmt: skip
        # A machine's own GIT_SSL_CAINFO would win over the configuration.
        environment = os.environ | {
            "GIT_SSL_CAINFO": str(self.authority),
            "GIT_TERMINAL_PROMPT": "0",
        }
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=environment
        )
