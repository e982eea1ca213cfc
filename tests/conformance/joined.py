"""Our runner as a process between a stub server and a forge, with real containers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.bench.runner import image, study
from tests.bench.runner.sides import Ours, Place
from tests.conformance import classic_api, stub, task_api
from tests.conformance.classic_api import ClassicServer
from tests.conformance.server import wait_until
from tests.conformance.task_api import Controller

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "5e" * 20
ORGANISATION = "https://github.com/opensafely"
REPO = f"{ORGANISATION}/{study.REPOSITORY}"
PATIENCE = 90.0
LACKING = "sha256:" + "0" * 64
"""The digest of an image that the registry does not have."""
# A command may leave, so the canaries of names and logs are put together where it runs.
SCRIPTS = {
    "good": (
        "mkdir -p output; echo 1 > output/good.csv; x=can; echo ${x}ary-log; echo 2 > ${x}ary-name"
    ),
    "fails": "mkdir -p output; exit 3",
    "unmatched": "mkdir -p output; x=can; echo 1 > output/${x}ary-other.csv",
    "withheld": "mkdir -p output; echo patient_id > output/withheld.csv",
    "reads": "cat output/good.csv > output/reads.csv",
    "slow": "sleep 600",
    "nap": "mkdir -p output; sleep 6; echo 1 > output/nap.csv",
}


def outputs(action: str) -> dict[str, str]:
    """Return the pattern of an action with its level."""
    return {f"output/{action}.csv": "moderately_sensitive"}


class Runner(Ours):
    """Our daemon; its state survives a crash."""

    def crash(self) -> None:
        """End the process as a power cut does, without a word."""
        assert self._process
        self._process.kill()
        self._process.wait()
        self._process = None


class Front(Protocol):
    """One front: how work is given to the runner, and what came back."""

    name: str
    stub: stub.Stub
    runner: Runner

    def ask(self, action: str, workspace: str = "", **changed: Any) -> str:
        """Ask for an action in a workspace, by default one of its own; return a handle."""

    def cancel(self, handle: str) -> None:
        """Cancel it."""

    def container(self, handle: str) -> str:
        """Return the name of its container."""

    def seen(self, handle: str) -> list[str]:
        """Return the codes or stages that came, in order."""

    def end(self, handle: str) -> str:
        """Return what its end was told as, in words; empty while there was none."""

    def unlist(self, handle: str) -> None:
        """Cease to list it."""


class Joined:
    """What both fronts have: numbers, and waiting."""

    def __init__(self, runner: Runner, sha: str, digest: str) -> None:
        self.runner, self.sha, self.digest = runner, sha, digest
        self._numbers = itertools.count(1)

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds; AssertionError with the end of the runner's log."""
        assert wait_until(lambda: bool(holds()), PATIENCE), f"{what}\n{self.runner.log_end()}"


class Classic(Joined):
    """The classic API."""

    name = "classic"

    def __init__(self, server: ClassicServer, runner: Runner, sha: str, digest: str) -> None:
        super().__init__(runner, sha, digest)
        self.stub = self.server = server
        self._actions: dict[str, str] = {}

    def ask(self, action: str, workspace: str = "", **changed: Any) -> str:
        """See Front."""
        number = next(self._numbers)
        made = classic_api.request(
            number, self.runner.name, REPO, self.sha, workspace or f"ws{number}", action
        )
        made["workspace"] |= changed
        self._actions[made["identifier"]] = action
        return self.server.add(made)

    def cancel(self, handle: str) -> None:
        """See Front."""
        self.server.cancel(handle)

    def _jobs(self, handle: str) -> list[dict[str, Any]]:
        with self.server.lock:
            jobs = list(self.server.jobs.get(handle, {}).values())
        own = (self._actions[handle], "__error__")
        return [job for job in jobs if job["action"] in own]

    def container(self, handle: str) -> str:
        """See Front."""
        return f"os-job-{self._jobs(handle)[0]['identifier']}" if self._jobs(handle) else ""

    def seen(self, handle: str) -> list[str]:
        """See Front."""
        return [c for job in self._jobs(handle) for c in self.server.codes[job["identifier"]]]

    def end(self, handle: str) -> str:
        """See Front."""
        for job in self._jobs(handle):
            if job["status"] in classic_api.STATUSES[2:]:
                withheld = ", withheld" if "withheld" in job["status_message"] else ""
                return f"`{job['status']}`, `{job['status_code']}`{withheld}"
        return ""

    def unlist(self, handle: str) -> None:
        """See Front."""
        self.server.unlisted.add(handle)


class Tasks(Joined):
    """The task API."""

    name = "task_api"

    def __init__(self, controller: Controller, runner: Runner, sha: str, digest: str) -> None:
        super().__init__(runner, sha, digest)
        self.stub = self.controller = controller

    def ask(self, action: str, workspace: str = "", **changed: Any) -> str:
        """See Front."""
        number = next(self._numbers)
        given = {
            "action": action,
            "workspace": workspace or f"ws{number}",
            "rap_id": f"rap{number:013}",
            "args": ["sh", "-c", SCRIPTS.get(action, "true")],
            "output_spec": outputs(action),
        }
        task = task_api.run_task(
            number, self.runner.name, REPO, self.sha, self.digest, **given | changed
        )
        return self.controller.add(task)

    def cancel(self, handle: str) -> None:
        """See Front."""
        self.controller.cancel(handle)

    def container(self, handle: str) -> str:
        """See Front."""
        return f"os-job-{handle.partition('-')[0]}"

    def seen(self, handle: str) -> list[str]:
        """See Front."""
        return self.controller.stages(handle) + self.controller.stages(f"{handle}-cancel")

    def end(self, handle: str) -> str:
        """See Front."""
        told = self.controller.end(f"{handle}-cancel") or self.controller.end(handle)
        return described(told) if told else ""

    def unlist(self, handle: str) -> None:
        """See Front."""
        self.controller.active.discard(handle)


def described(told: dict[str, Any]) -> str:
    """Return the end of a task in words."""
    results = told["results"]
    if "exit_code" not in results:
        error = results["error"]
        return f"error `{error['type']}`" if error else f"status `{results['results']['status']}`"
    if results["error"]:
        return f"`{told['stage']}`, error `{results['error']['type']}`"
    words = [f"`{told['stage']}`", f"exit code `{results['exit_code'] or 'none'}`"]
    flags = ("has_unmatched_patterns", "has_level4_excluded_files", "cancelled")
    return ", ".join([*words, *(f"`{name}`" for name in flags if results[name])])


@contextmanager
def upstreams(folder: Path) -> Iterator[tuple[int, str, str]]:
    """Serve a forge with the study and a registry with the image; give port, commit, digest."""
    actions: dict[str, dict[str, Any]] = {
        name: {
            "run": f"python:v2 sh -c {json.dumps(script)}",
            "outputs": {"moderately_sensitive": {"o": f"output/{name}.csv"}},
        }
        for name, script in SCRIPTS.items()
    }
    actions["reads"]["needs"] = ["good"]
    actions["noimage"] = actions["good"] | {
        "run": "python:v9 true",
        "outputs": {"moderately_sensitive": {"o": "output/noimage.csv"}},
    }
    study.publish(folder / "git", actions)
    repository = folder / "git" / study.ORGANISATION / study.REPOSITORY
    words = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    sha = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    digest = image.write(folder / "images", image.busybox(ROOT / "build/bench/busybox"))
    program = [sys.executable, "-m", "tests.bench.runner.upstreams"]
    program += [str(folder / "git"), str(folder / "images"), f"opensafely-core/python:v2={digest}"]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline()), sha, digest
        finally:
            process.terminate()


@contextmanager
def joined(kind: str) -> Iterator[Front]:
    """Give a front with a runner that works behind it; what it made is removed."""
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="front-", dir=ROOT / "build/bench")
        folder = Path(stack.enter_context(scratch))
        port, sha, digest = stack.enter_context(upstreams(folder))
        backend = f"front-{kind.replace('_', '-')}"
        tasks = kind == Tasks.name
        server = Controller(TOKEN, backend) if tasks else ClassicServer(TOKEN, backend)
        url = stack.enter_context(stub.serve(server))
        git, registry = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}/opensafely-core"
        extra = {
            "RUNNER_JOB_SERVER": kind,
            "RUNNER_JOB_SERVER_ENDPOINT": url if tasks else f"{url}/api/v2",
            "RUNNER_TRUSTED_KEYS": "",
            "RUNNER_POLL_INTERVAL": "0.3",
            "RUNNER_IMAGE_DIGESTS": json.dumps({"r:v9": LACKING}),
            "RUNNER_DISK_FREE_FLOOR": "0",
        }
        place = Place(folder, url, git, registry, folder / "none")
        runner = Runner(backend, place, TOKEN, extra=extra)
        stack.callback(_remove, backend, f"{registry}/python@{digest}")
        runner.start(workers=2)
        stack.callback(runner.stop)
        if isinstance(server, Controller):
            yield Tasks(server, runner, sha, digest)
        else:
            yield Classic(server, runner, sha, digest)


def _remove(backend: str, reference: str) -> None:
    """Remove containers of a backend, and its name of the image."""
    words = ["docker", "ps", "--all", "--quiet", f"--filter=label=org.sallyport.backend={backend}"]
    found = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    for command in ([["rm", "--force", *found]] if found else []) + [["image", "rm", reference]]:
        subprocess.run(["docker", *command], check=False, capture_output=True)
