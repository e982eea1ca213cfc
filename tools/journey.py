"""A study's way through a running rig, step by step, by public interfaces only.

The demo and the end-to-end tests walk it: https, git and documented calls; nothing looks into a
host, a database or a package of ours.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from console import BUILD, ROOT, stop
from hatch import Hatch
from job_server import JobServer
from places import Places

STUDY = ROOT / "files/demo_study"
BACKEND = "hospital"
PROJECT = "demo-project"
ORGANISATION = "demo-org"
FORGE_ACCOUNT = "publisher"
PEOPLE = {
    "rachel": ("Rachel Researcher", [], ["researcher"]),
    "chen": ("Chen Checker", ["output_checker"], []),
    "chidi": ("Chidi Checker", ["output_checker"], []),
    "casey": ("Casey Both", ["output_checker"], ["researcher"]),
}
"""Username: full name, roles everywhere, roles in the project."""


@dataclass
class Journey:
    """One study on one rig."""

    places: Places
    study: str = "demo-study"
    workspace: str = "demo"
    source: Path = field(default=STUDY)

    @cached_property
    def passwords(self) -> dict[str, str]:
        """Return the passwords of this rig's people; made once, kept outside version control."""
        path = BUILD / f"people-{self.places.rig}.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps({name: secrets.token_urlsafe(15) for name in PEOPLE}))
        return dict(json.loads(path.read_text()))

    @cached_property
    def admin(self) -> JobServer:
        """Return the first administrator, whom the deployment made."""
        password = self.places.secrets["vault_job_server_admin_password"]
        return JobServer(self.places, "admin", password)

    def person(self, name: str) -> JobServer:
        """Return somebody's access to the job server."""
        return JobServer(self.places, name, self.passwords[name])

    def invite(self) -> None:
        """Let there be a project, its people and its workspace."""
        self.admin.ensure("projects", {"slug": PROJECT, "name": "Demo project"})
        for username, (fullname, roles, project_roles) in PEOPLE.items():
            person = {
                "username": username,
                "fullname": fullname,
                "email": f"{username}@example.org",
                "password": self.passwords[username],
                "roles": roles,
            }
            self.admin.ensure("users", person)
            self.admin.ensure(f"backends/{BACKEND}/members", {"username": username})
            if project_roles:
                member = {"username": username, "roles": project_roles}
                self.admin.ensure(f"projects/{PROJECT}/members", member)
        workspace = {
            "name": self.workspace,
            "project": PROJECT,
            "repo": f"https://github.com/{ORGANISATION}/{self.study}",
            "branch": "main",
        }
        self.admin.ensure("workspaces", workspace)

    def push(self) -> str:
        """Push the study to the forge as one commit more; return the commit."""
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "study"
            address = f"{self.places.url('forge')}/{ORGANISATION}/{self.study}"
            self._git("clone", "--quiet", address, str(clone), folder=Path(folder))
            shutil.copytree(self.source, clone, dirs_exist_ok=True)
            self._git("checkout", "--quiet", "-B", "main", folder=clone)
            self._git("add", "--all", folder=clone)
            if self._git("status", "--porcelain", folder=clone):
                self._git("commit", "--quiet", "-m", "Study", folder=clone)
                password = self.places.secrets["vault_forge_push_password"]
                name = self.places.host("forge")
                target = f"https://{FORGE_ACCOUNT}:{password}@{name}/{ORGANISATION}/{self.study}"
                self._git("push", "--quiet", target, "main", folder=clone)
            return self._git("rev-parse", "HEAD", folder=clone)

    def _git(self, *words: str, folder: Path) -> str:
        answer = self.places.git(*words, folder=folder)
        if answer.returncode:
            stop(f"git {words[0]} ended with {answer.returncode}: {answer.stderr.strip()[-300:]}")
        return answer.stdout.strip()

    def run(self, actions: list[str], seconds: float = 300) -> dict[str, Any]:
        """Submit actions as the researcher; return the job request once it has ended."""
        rachel = self.person("rachel")
        return rachel.wait(rachel.submit(self.workspace, BACKEND, actions), seconds)

    def hatch(self, name: str) -> Hatch:
        """Return somebody's session in the hatch, entered with a new one-use log-in."""
        made = Hatch(self.places, name, self.person(name).login_token())
        if not made.logged_in:
            stop(f"the hatch did not let {name} in")
        return made

    def release(self, files: list[str], seconds: float = 120) -> str:
        """Take files through review and publication; return the request's identifier."""
        identifier = self.hatch("rachel").request(self.workspace, files)
        checkers = [self.hatch(name) for name in ("chen", "chidi")]
        for checker in checkers:
            checker.vote(identifier)
        checkers[-1].approve(identifier)
        checkers[0].wait(identifier, "released", seconds)
        return identifier

    def published(self, release: str) -> dict[str, bytes]:
        """Return the files of a release as the job server hands them out, by name."""
        rachel = self.person("rachel")
        return {
            file["name"]: rachel.download(file["id"])
            for file in rachel.released(self.workspace)
            if file["release"] == release
        }
