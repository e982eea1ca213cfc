"""The rig of the job server's unit tests: people, a forge of local repositories, a browser."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sallyport_common.settings import Secret
from sallyport_job_server.models import AuditRow, User
from sallyport_job_server.services.access_tokens import Wish
from sallyport_job_server.services.audit import AuditFilters
from sallyport_job_server.services.bundle import Services
from sallyport_job_server.settings import Settings
from sallyport_job_server.storage import tables, users
from sallyport_job_server.storage.database import add
from sallyport_job_server.storage.tables import METADATA
from sallyport_records import keys
from sallyport_study.reusable import Home

SQLITE, POSTGRESQL = "sqlite", "postgresql"
BOTH = (SQLITE, POSTGRESQL)
SITE = "https://jobs.example"
REPO = "https://github.com/demo-org/study"
PASSWORD = "correct horse battery"
CSRF = "c" * 43
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PRIVATE_PEM, PUBLIC_PEM = keys.generate()
TOKENS = {scope: hashlib.sha256(scope.encode()).hexdigest()[:40] for scope in
          ("jobs", "review", "publish", "classic")}  # fmt: skip
PROJECT = """
version: '5'
actions:
  make:
    run: python:v2 python make.py
    outputs: {highly_sensitive: {d: output/highly.csv}}
  summarise:
    run: python:v2 python summarise.py
    needs: [make]
    outputs: {moderately_sensitive: {s: output/summary.csv}}
"""


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings whose state and forge are below a folder."""
    values: dict[str, Any] = {
        "url": SITE,
        "database_url": f"sqlite:///{folder}/job_server.sqlite3",
        "database_password": None,
        "secret_key": Secret("s" * 40),
        "signing_key": Secret(PRIVATE_PEM.decode()),
        "hatch_signing_key": Secret("h" * 40),
        "release_storage": folder / "releases",
        "releases_redirect": "/releases-store",
        "forges": {"github.com": f"file://{folder}/forge"},
        "allowed_organisations": ("demo-org",),
        "action_organisation": Home("github.com", "demo-actions"),
        "git_credentials": {},
        "ca_file": Path("/etc/ssl/certs/ca-certificates.crt"),
        "git_timeout": 20,
        "threads": 8,
        "session_lifetime": 3600,
        "session_idle": 1800,
        "request_lifetime": 86400,
        "login_token_lifetime": 3600,
        "second_factor_roles": (),
        "mail_server": None,
        "mail_password": None,
        "mail_sender": None,
        "webhooks": None,
        "oidc": None,
        "oidc_client_secret": None,
    }
    return Settings(**(values | changes))


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


class Study:
    """A study's repository on the forge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "forge" / "demo-org" / "study"
        self.folder.mkdir(parents=True)
        _git(self.folder, "init", "-q", "-b", "main", "--template=")
        self.sha = self.commit(PROJECT)
        _git(self.folder, "repack", "-adq")  # few files, as each test copies them

    def commit(self, project: str | bytes) -> str:
        """Put a project.yaml at the head of the branch."""
        self._own()
        content = project.encode() if isinstance(project, str) else project
        (self.folder / "project.yaml").write_bytes(content)
        _git(self.folder, "add", "-A")
        _git(self.folder, "commit", "-q", "--allow-empty", "-m", "study")
        self.sha = _git(self.folder, "rev-parse", "HEAD")
        return self.sha

    def _own(self) -> None:
        forge = self.folder.parents[1]
        if forge.is_symlink():
            shared = forge.resolve()
            forge.unlink()
            shutil.copytree(shared, forge)

    def rename_branch(self, name: str) -> None:
        """Give the branch in use another name."""
        self._own()
        _git(self.folder, "branch", "-m", name)

    def remove_project(self) -> None:
        """Leave no project.yaml at the head of the branch."""
        self._own()
        _git(self.folder, "rm", "-q", "project.yaml")
        _git(self.folder, "commit", "-q", "-m", "nothing left")


class Browser:
    """A person at a browser: keeps cookies and sends the token that forms carry."""

    def __init__(self, app: Flask) -> None:
        self._client: FlaskClient = app.test_client()
        self._services: Services = app.extensions["sallyport"]
        self._page = "/login/"

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self._client.get(path, base_url=SITE, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, page: str = "") -> TestResponse:
        """Send a form with the token of the page that it is on."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page or self._page).text)
        token = found[1] if found else ""
        return self.send(path, {"csrf_token": token} | (data or {}))

    def send(self, path: str, data: dict[str, Any], **more: Any) -> TestResponse:
        """Send a form as it is."""
        return self._client.post(path, data=data, base_url=SITE, **more)

    def json(self, path: str, body: Any, **headers: str) -> TestResponse:
        """Send JSON."""
        return self._client.post(path, json=body, base_url=SITE, headers=headers)

    def log_in(self, user: User) -> Browser:
        """Put a person's session into the browser, as the log-in page does."""
        with self._client.session_transaction(base_url=SITE) as session:
            session["secret"] = self._services.sessions.start(user, "192.0.2.7", AGENT)
            session["user"], session["csrf"] = user.id, CSRF
            session.permanent = True
        self._page = "/settings/"
        return self


@dataclass
class Rig:
    """A job server with people, a project, a workspace and a backend."""

    app: Flask
    services: Services
    study: Study
    people: dict[str, User]
    folder: Path

    def browser(self, username: str = "") -> Browser:
        """Return a new browser, of a person who is logged in if named."""
        made = Browser(self.app)
        if username:
            with self.services.database.read() as connection:
                made.log_in(users.by_name(connection, username) or self.people[username])
        return made

    def audit(self, event: str = "") -> list[AuditRow]:
        """Return rows of the audit whose event starts so, newest first."""
        return self.services.audit.page(self.people["ada"], AuditFilters(event), None)

    def dump(self) -> str:
        """Return everything that the database holds, as text."""
        with self.services.database.read() as connection:
            every = METADATA.sorted_tables
            return "\n".join(
                repr(tuple(row)) for t in every for row in connection.execute(t.select())
            )

    def call(
        self, method: str, path: str, scope: str = "jobs", *, json: Any = None, **headers: str
    ) -> TestResponse:
        """Call the classic API with a backend token."""
        sent = {"Authorization": TOKENS.get(scope, scope)} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.app.test_client().open(
            f"/api/v2{path}", method=method, json=json, headers=sent, base_url=SITE
        )

    def api(
        self, method: str, path: str, username: str, body: dict[str, Any] | None = None
    ) -> TestResponse:
        """Call /api/v1 with a new access token of a person."""
        token = self.services.access_tokens.create(self.people[username], Wish("test"))
        return self.app.test_client().open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"{username}:{token}"},
            base_url=SITE,
        )

    def submit(self, *actions: str, username: str = "rita") -> str:
        """Ask for actions and return the identifier."""
        made = self.services.job_requests.create(
            self.people[username],
            workspace_name="heart",
            backend_slug="hospital",
            actions=actions or ("summarise",),
        )
        return made.identifier

    def has_run(self) -> None:
        """Let the backend have run something in the workspace, without the work of a request."""
        moment = "2026-11-23T06:16:47Z"
        values = {
            "identifier": "earlier", "workspace_id": 1, "backend_id": 1, "created_by_id": 1,
            "sha": "a" * 40, "branch": "main", "requested_actions": ["make"],
            "cancelled_actions": [], "force_run_dependencies": False, "codelists_ok": True,
            "database_name": "default", "project_yaml": "", "envelope": "{}",
            "created_at": moment, "expires_at": moment,
        }  # fmt: skip
        with self.services.database.change("test") as change:
            add(change.connection, tables.job_requests, **values)

    def report(self, request: str, action: str, status: str, **changes: Any) -> TestResponse:
        """Post one job as a runner does."""
        return self.call("POST", "/jobs/", json=[job(request, action, status, **changes)])


def job(request: str, action: str, status: str, **changes: Any) -> dict[str, Any]:
    """Return a job as a runner posts it."""
    moment = "2026-11-23T06:16:47Z"
    return {
        "identifier": f"{request}-{action}",
        "job_request_id": request,
        "action": action,
        "run_command": f"python:v2 python {action}.py",
        "status": status,
        "status_code": "executing" if status == "running" else "",
        "status_message": "",
        "created_at": moment,
        "updated_at": moment,
        "started_at": moment,
        "completed_at": moment if status in ("succeeded", "failed") else None,
        "requires_db": 0,
    } | changes


def file_entry(name: str, data: bytes, **changes: Any) -> dict[str, Any]:
    """Return a file of a FileList."""
    return {
        "name": name,
        "url": name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "date": "2026-11-23T06:15:04Z",
        "metadata": {},
        "review": None,
    } | changes


def file_list(*files: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return a FileList."""
    return {"files": list(files), "metadata": metadata, "review": None}
