"""Bare copies of allowed repositories, refreshed from the forge with the proxy's credential.

Only branches and tags are copied, so what a forge keeps in other references (pull requests, other
people's forks) is never here. Nothing a client sends is part of a request to the forge.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sallyport_common.closed_git import (
    ClosedGit,
    Copies,
    Credential,
    Fault,
    GitError,
    LocalCopy,
    State,
    new_location,
)
from sallyport_proxy.models import Reason, Refusal
from sallyport_proxy.policy import GitPolicy
from sallyport_proxy.services.keyed_locks import KeyedLocks
from sallyport_study import places
from sallyport_study.places import Repository

LOG = logging.getLogger(__name__)
REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
OPTIONS = ("--prune", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules")
GONE = frozenset({Reason.MOVED, Reason.NOT_FOUND, Reason.LOGIN_REQUIRED})
"""Answers of a forge about the repository itself: an older copy would hide them indefinitely."""


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
        self._secrets, self._ca_file = secrets, ca_file
        self._timeout, self._clock = timeout, clock
        self._copies = Copies(folder, timeout)
        self._locks = KeyedLocks(timeout)
        self._guard = threading.Lock()
        self._fetched: dict[str, float] = {}
        self._damaged: set[str] = set()

    def path(self, name: str) -> Path:
        """Return where the mirror of a proxy path, `OWNER/NAME` mostly, is or would be."""
        return self._copies.path(name)

    def refresh(self, git: GitPolicy, name: str) -> str:
        """Fetch a repository; return `replica`, or `stale` where the last good copy has to do.

        Who waited for a fetch that began after the call does not fetch again. Raises Refusal
        where there is no copy, or where the forge no longer serves the repository.
        """
        called = self._clock()
        with self._turn(name):
            with self._guard:
                fetched = self._fetched.get(name, float("-inf"))
            if fetched > called:
                return "replica"
            started = self._clock()
            try:
                self._fetch(git, Repository.from_path(name))
            except Refusal as refusal:
                if refusal.reason in GONE or not self.path(name).is_dir():
                    raise
                extra = {"repository": name, "reason": str(refusal.reason)}
                LOG.warning("fetch failed, serving the last good copy", extra=extra)
                return "stale"
            with self._guard:
                self._fetched[name] = started
        return "replica"

    def mark_damaged(self, name: str) -> None:
        """Discard a mirror that git could not serve from; its next fetch clones it again."""
        LOG.warning("a mirror is damaged", extra={"repository": name})
        with self._guard:
            self._damaged.add(name)

    @contextlib.contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Let the threads of this process take turns; Copies does the same for processes."""
        self._locks.acquire(name.lower())
        try:
            yield
        finally:
            self._locks.release(name.lower())

    def _fetch(self, git: GitPolicy, repository: Repository) -> None:
        source = _Source(git, repository, self._secrets, self._ca_file, self._timeout)
        try:
            with self._copies.hold(repository.path) as copy:
                self._renew(source, copy, damaged=repository.path in self._damaged)
            with self._guard:
                self._damaged.discard(repository.path)
        except GitError as error:
            self._copies.suspect(repository.path)
            raise source.refusal(error.fault) from error

    def _renew(self, source: _Source, copy: LocalCopy, *, damaged: bool) -> None:
        """Update the mirror; make it again where it is new or damaged."""
        if copy.state is State.SOUND and not damaged:
            try:
                source.update(copy.path, copy.lock)
                return
            except GitError as error:
                if not source.is_damage(error.fault, copy):
                    raise
                LOG.warning("a damaged mirror is cloned again", extra={"path": str(copy.path)})
        with self._copies.scratch() as folder:
            fresh = folder / "repository.git"
            source.git.run("init", "--quiet", "--bare", fresh, lock=copy.lock)
            source.update(fresh, copy.lock)
            self._copies.replace(copy, fresh)


class _Source:
    """A repository at its forge, with the credential for it."""

    def __init__(
        self, git: GitPolicy, repository: Repository, secrets: Path, ca_file: Path, timeout: float
    ) -> None:
        upstream = git.forges[repository.forge]
        secret = repository.credential(git.credentials)
        self._credential = Credential(upstream, secrets / secret) if secret else None
        self._url = f"{upstream}/{repository.owner}/{repository.name}.git"
        self._forges, self._ca_file = git.forges, ca_file
        self.git = ClosedGit(ca_file, timeout, (upstream.partition(":")[0],), "sallyport-proxy")

    def update(self, repository: Path, lock: int) -> None:
        """Fetch branches and tags, and take over the forge's default branch."""
        self._run("fetch", *OPTIONS, self._url, *REFERENCES, repository=repository, lock=lock)
        head = self._run("ls-remote", "--symref", self._url, "HEAD")
        for line in head.decode("utf-8", "replace").splitlines():
            branch, _, shown = line.removeprefix("ref: ").partition("\t")
            if shown == "HEAD" and branch.startswith("refs/heads/"):
                self._run("symbolic-ref", "HEAD", branch, repository=repository, lock=lock)

    def is_damage(self, fault: Fault, copy: LocalCopy) -> bool:
        """Return whether a fault came from the mirror itself; an unknown one is looked into."""
        if fault is not Fault.UNKNOWN:
            return fault is Fault.DAMAGED
        try:
            self.git.run("fsck", "--no-progress", "--no-dangling", repository=copy.path)
        except GitError as error:
            return error.fault is not Fault.TIMEOUT
        return False

    def refusal(self, fault: Fault) -> Refusal:
        """Return the refusal for a fault; a moved repository names its new URL if known."""
        if fault is Fault.MOVED:
            location = new_location(self._url, self._ca_file, self._credential)
            new = places.at_upstream(location or "", self._forges)
            return Refusal(Reason.MOVED, detail=f": {new.url}" if new else "")
        reasons = {str(reason): reason for reason in Reason}
        return Refusal(reasons.get(str(fault), Reason.UPSTREAM_UNAVAILABLE))

    def _run(self, *words: str, repository: Path | None = None, lock: int | None = None) -> bytes:
        return self.git.run(*words, repository=repository, credential=self._credential, lock=lock)
