"""Bare copies of allowed repositories, refreshed from the forge with the proxy's credential.

Only branches and tags are copied, so what a forge keeps in other references (pull requests, other
people's forks) is never here. Nothing a client sends is part of a request to the forge.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sallyport_proxy.models import Reason, Refusal
from sallyport_proxy.policy import GitPolicy
from sallyport_proxy.services import git_process
from sallyport_proxy.services.keyed_locks import KeyedLocks

LOG = logging.getLogger(__name__)
REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# The helper answers "get" with a secret file of the form user:password; nothing is in argv.
HELPER = (
    '!f() { test "$1" = get || return 0; IFS=: read -r u p < "$SALLYPORT_CREDENTIAL";'
    ' printf "username=%s\\npassword=%s\\n" "$u" "$p"; }; f'
)
FAULTS = (
    ("certificate", Reason.UPSTREAM_TLS),
    ("not found", Reason.NOT_FOUND),
    ("could not read Username", Reason.NOT_FOUND),
    ("Authentication failed", Reason.NOT_FOUND),
    ("error: 403", Reason.NOT_FOUND),
    ("unable to update url base from redirection", Reason.REDIRECT_HOST),
    ("returned error: 30", Reason.REDIRECT_HOST),
)


class Mirrors:
    """One folder per repository; one fetch at a time for each."""

    def __init__(
        self,
        folder: Path,
        secrets: Path,
        ca_file: Path,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._secrets, self._ca_file = folder, secrets, ca_file
        self._timeout, self._clock = timeout, clock
        self._locks = KeyedLocks(timeout)
        self._guard = threading.Lock()
        self._fetched: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return where `ORG/REPO` is or would be."""
        return self._folder / f"{name.lower()}.git"

    def refresh(self, git: GitPolicy, name: str) -> str:
        """Fetch `ORG/REPO`; return `replica`, or `stale` where the last good copy has to do.

        Who waited for a fetch that began after the call does not fetch again. Raises Refusal
        where there is no copy.
        """
        called = self._clock()
        self._locks.acquire(name.lower())
        try:
            with self._guard:
                fetched = self._fetched.get(name, float("-inf"))
            if fetched > called:
                return "replica"
            started = self._clock()
            self._fetch(git, name)
            with self._guard:
                self._fetched[name] = started
        except Refusal as refusal:
            if not self.path(name).is_dir():
                raise
            extra = {"repository": name, "reason": str(refusal.reason)}
            LOG.warning("fetch failed, serving the last good copy", extra=extra)
            return "stale"
        finally:
            self._locks.release(name.lower())
        return "replica"

    def _fetch(self, git: GitPolicy, name: str) -> None:
        target = self.path(name)
        if target.is_dir():
            self._update(git, name, target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".new-") as folder:
            fresh = Path(folder) / "repository.git"
            self._run(git, name, ["init", "--quiet", "--bare", fresh])
            self._update(git, name, fresh)
            shutil.move(fresh, target)

    def _update(self, git: GitPolicy, name: str, repository: Path) -> None:
        url = f"{git.upstream}/{name}.git"
        options = ["--prune", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules"]
        self._run(git, name, ["-C", repository, "fetch", *options, url, *REFERENCES])
        head = self._run(git, name, ["-C", repository, "ls-remote", "--symref", url, "HEAD"])
        for line in head.decode("utf-8", "replace").splitlines():
            branch, _, shown = line.removeprefix("ref: ").partition("\t")
            if shown == "HEAD" and branch.startswith("refs/heads/"):
                self._run(git, name, ["-C", repository, "symbolic-ref", "HEAD", branch])

    def _run(self, git: GitPolicy, name: str, arguments: Sequence[str | Path]) -> bytes:
        credential = git.credentials.get(name.partition("/")[0])
        extra = {}
        if credential:
            extra["SALLYPORT_CREDENTIAL"] = str(self._secrets / credential)
        env = git_process.environment(self._configuration(git, credential), extra)
        with git_process.running(arguments, env, self._timeout, stderr=subprocess.PIPE) as process:
            output, fault = process.communicate()
        if process.returncode:
            raise Refusal(_reason(fault.decode("utf-8", "replace")))
        return output

    def _configuration(self, git: GitPolicy, credential: str | None) -> dict[str, str]:
        configuration = {
            "protocol.allow": "never",
            f"protocol.{git.upstream.partition(':')[0]}.allow": "always",
            "http.followRedirects": "false",
            "http.userAgent": "sallyport-proxy",
            "http.sslCAInfo": str(self._ca_file),
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "30",
        }
        if credential:
            configuration[f"credential.{git.upstream}.helper"] = HELPER
        return configuration


def _reason(fault: str) -> Reason:
    for words, reason in FAULTS:
        if words in fault:
            return reason
    return Reason.UPSTREAM_UNAVAILABLE
