"""Our job server as a process, and what a person does on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from sallyport_common import tokens
from sallyport_common.protocol import utc_now_text
from sallyport_job_server.models import Operator
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.settings import PREFIX, Settings
from sallyport_job_server.storage import backends, projects, tables, users
from sallyport_job_server.storage.database import add
from sallyport_records import keys

PASSWORD = "correct horse battery"
TOKEN = tokens.new_backend_token()
WORKER = "sallyport_job_server.worker.Worker"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Server:
    """A running job server with the backend `test` and the researcher `rita`."""

    def __init__(
        self, folder: Path, gitroot: Path, workers: int = 1, database_url: str = ""
    ) -> None:
        self._workers = workers
        self.url = f"http://127.0.0.1:{free_port()}"
        url = database_url or f"sqlite:///{folder}/job_server.sqlite3"
        environment = self._environment(folder, gitroot) | {f"{PREFIX}DATABASE_URL": url}
        self.services: Services = build(Settings.from_env(environment))
        self._set_up()
        self._folder, self._variables = folder, environment
        self.start()
        body = {"username": "rita", "password": PASSWORD}
        token = requests.post(f"{self.url}/api/v1/tokens", json=body, timeout=10).json()["token"]
        self._headers = {"Authorization": f"rita:{token}"}

    def start(self) -> None:
        """Start the process, which goes on with the database as it is."""
        program = str(Path(sys.executable).with_name("gunicorn"))
        bind = self.url.removeprefix("http://")
        words = [f"--worker-class={WORKER}", "--no-control-socket", f"--bind={bind}"]
        words.append(f"--workers={self._workers}")
        with (self._folder / "server.log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [program, *words, "sallyport_job_server.asgi:application"],
                env={"PATH": os.environ["PATH"]} | self._variables,
                cwd=self._folder,
                stderr=log,
            )
        assert wait_until(self._answers, 30)

    def halt(self) -> None:
        """Stop the process, which may be started again."""
        self._process.terminate()
        self._process.wait(20)

    def _environment(self, folder: Path, gitroot: Path) -> dict[str, str]:
        for name, text in {"key": "k" * 40, "signing": keys.generate()[0].decode()}.items():
            (folder / name).write_text(text)
        values = {
            "URL": self.url,
            "SECRET_KEY_FILE": str(folder / "key"),
            "SIGNING_KEY_FILE": str(folder / "signing"),
            "HATCH_SIGNING_KEY_FILE": str(folder / "key"),
            "RELEASE_STORAGE": str(folder / "releases"),
            "FORGES": f'{{"github.com": "file://{gitroot}"}}',
            "ALLOWED_ORGANISATIONS": "opensafely,other",
            "CA_FILE": "/etc/ssl/certs/ca-certificates.crt",
            "GIT_TIMEOUT": "20",
            "THREADS": "32",
            "SESSION_LIFETIME": "3600",
            "SESSION_IDLE": "3600",
            "REQUEST_LIFETIME": "3600",
            "LOGIN_TOKEN_LIFETIME": "3600",
            "SECOND_FACTOR_ROLES": "",
        }
        return {f"{PREFIX}{name}": value for name, value in values.items()}

    def _set_up(self) -> None:
        services = self.services
        services.database.migrate()
        self.token(TOKEN)
        made = {
            name: services.accounts.create(
                Operator("test"),
                username=name,
                fullname=name,
                email="",
                password=PASSWORD,
                roles=roles,
            )
            for name, roles in {"ada": ["admin"], "rita": []}.items()
        }
        services.accounts.add_to_backend(made["ada"], "test", "rita")
        services.directory.create_project(made["ada"], "project", "Project")
        services.directory.set_member(made["ada"], "project", "rita", ["researcher"])

    def token(self, *given: str) -> None:
        """Register backend tokens one after the other."""
        for one in given:
            self.services.backends.ensure(Operator("test"), "test", "Test", "", {"jobs": one})

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self) -> None:
        """Stop the process."""
        self.halt()
        self.services.database.engine.dispose()

    def workspace(self, name: str, repo: str = "study1", branch: str = "main") -> None:
        """Make a workspace by the API."""
        body = {
            "name": name,
            "project": "project",
            "repo": f"https://github.com/{repo if '/' in repo else f'opensafely/{repo}'}",
            "branch": branch,
        }
        answer = self._post("/api/v1/workspaces", body)
        assert answer.status_code == 201, answer.text

    def submit(self, workspace: str, *actions: str) -> str:
        """Ask for actions by the API."""
        body = {"workspace": workspace, "backend": "test", "requested_actions": list(actions)}
        answer = self._post("/api/v1/job-requests", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["identifier"])

    def cancel(self, identifier: str) -> None:
        """Cancel a request by the API."""
        assert self._post(f"/api/v1/job-requests/{identifier}/cancel", {}).ok

    def _post(self, path: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(self.url + path, json=body, headers=self._headers, timeout=30)

    def plant(self, workspace: str, actions: list[str], sha: str) -> str:
        """Put a request that our own checks would refuse into the database."""
        identifier = tokens.new_request_identifier()
        with self.services.database.change("test") as change:
            place = projects.workspace(change.connection, workspace)
            backend = backends.by_slug(change.connection, "test")
            rita = users.by_name(change.connection, "rita")
            assert place
            assert backend
            assert rita
            add(
                change.connection, tables.job_requests,
                identifier=identifier, workspace_id=place.id, backend_id=backend.id, sha=sha,
                branch=place.branch, requested_actions=actions, cancelled_actions=[],
                force_run_dependencies=False, codelists_ok=True, database_name="default",
                project_yaml="", envelope="{}", created_by_id=rita.id,
                created_at=utc_now_text(), expires_at=utc_now_text(),
            )  # fmt: skip
            change.touch(backend.id)
        return identifier

    def rename(self, workspace: str, name: str) -> None:
        """Give a workspace a name that our own checks would refuse."""
        with self.services.database.change("test") as change:
            table = tables.workspaces
            statement = table.update().where(table.c.name == workspace).values(name=name)
            change.connection.execute(statement)

    def jobs(self, identifier: str) -> dict[str, dict[str, Any]]:
        """Return a request's jobs by action, as the runner reported them."""
        path = f"{self.url}/api/v2/jobs/?job_request_id={identifier}"
        answer = requests.get(path, headers={"Authorization": TOKEN}, timeout=30)
        return {job["action"]: job for job in answer.json()["results"]}

    def problem(self, identifier: str) -> str:
        """Return what people are shown about a request that could not be run."""
        path = f"{self.url}/api/v1/job-requests/{identifier}"
        return str(requests.get(path, headers=self._headers, timeout=30).json()["problem"])

    def ended(self, identifier: str) -> bool:
        """Return whether all jobs of a request have ended."""
        jobs = self.jobs(identifier)
        return bool(jobs) and all(job["status"] in ("succeeded", "failed") for job in jobs.values())

    def listed(self) -> list[str]:
        """Return the identifiers that a runner is shown."""
        answer = requests.get(
            f"{self.url}/api/v2/job-requests/", headers={"Authorization": TOKEN}, timeout=30
        )
        return [row["identifier"] for row in answer.json()["results"]]

    def last_seen(self) -> str:
        """Return when the backend called last."""
        return str(self.services.backends.by_slug("test").last_seen_at)
