"""Code of studies: real git through the proxy, one bare repository for each project."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.closed_git import ClosedGit, Copies, Fault, GitError, LocalCopy, State
from sallyport_common.errors import SallyportError
from sallyport_runner.models import Job, JobRequest, Reason, TaskTerms
from sallyport_runner.services.executor import TransientError
from sallyport_runner.settings import Settings
from sallyport_study import LARGEST_PROJECT_FILE, TOO_LARGE, places
from sallyport_study.places import InvalidNameError, Repository
from sallyport_study.reusable import Origin, commits_of_tags

log = logging.getLogger(__name__)
TIMEOUT = 300
MAX_FILE = LARGEST_PROJECT_FILE
ALL_HISTORY = 2**31 - 1
DAMAGE = frozenset({Fault.DAMAGED, Fault.UNKNOWN})
"""Faults after which the copy is fetched again; it is small, as only single commits are in it."""

REPAIRABLE = DAMAGE | {Fault.LOCKED}
HEAD = "refs/heads/checked"
"""Where the head of the branch in question is kept; its own name could clash with an older one."""

MOVED_ON = (
    "The commit is not on the branch: a force push has rewritten the branch's history, or the "
    "commit was never pushed to it. Submit again to run what is on the branch now."
)
ADVICE = {
    Fault.NO_BRANCH: (
        "The repository does not have this branch: it was deleted or renamed. Push the branch "
        "again, or change the workspace's branch, and submit again."
    ),
    Fault.NO_COMMIT: (
        "The repository does not have this commit: a force push may have removed it. Submit again "
        "to run what is on the branch now."
    ),
    Fault.NO_FILE: "The commit does not contain the file project.yaml. Add it and submit again.",
}
"""What is said to the author of a request where more is known than the fault alone."""

_FETCH = ["--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]


class CodeError(SallyportError):
    """Repository, branch or commit of a request are not acceptable.

    The text is one of our own fixed sentences, so it may leave the secure zone. The one value in
    it is the public URL of a moved repository, read by the grammar of repositories. `fault` is what
    git met, None where a rule of ours was broken.
    """

    def __init__(self, text: str, fault: Fault | None = None) -> None:
        super().__init__(text)
        self.fault = fault


class NotOnBranchError(CodeError):
    """The commit is not on the branch."""


class CodeUnavailableError(TransientError):
    """The code could not be fetched now; the text is a fixed sentence, as in CodeError."""

    retrying, gave_up = Reason.RETRY_CODE, Reason.NO_FORGE


@dataclass(frozen=True)
class Code:
    """Where a study's code is: repository, branch and commit, all valid names.

    An empty branch is the one that the forge shows first.
    """

    repository: Repository
    branch: str
    sha: str

    @property
    def reference(self) -> str:
        """The branch as git names it at the forge."""
        return f"refs/heads/{self.branch}" if self.branch else "HEAD"


def check(repo: str, branch: str, sha: str, organisations: tuple[str, ...]) -> Code:
    """Return where a study's code is; raise CodeError with a sentence for the author.

    An empty `branch` is the default one of the repository.
    """
    try:
        repository = Repository.parse(repo)
        named = branch and places.check_branch(branch)
        code = Code(repository, named, places.check_commit(sha))
    except InvalidNameError as error:
        raise CodeError(str(error)) from error
    if not repository.belongs_to(organisations):
        raise CodeError("This backend does not run repositories of this organisation.")
    return code


def code_of(request: JobRequest, organisations: tuple[str, ...]) -> Code:
    """Return where the code of a request is; raise CodeError with a sentence for the author."""
    if not request.branch:
        raise CodeError("The request names no branch.")
    return check(request.repo, request.branch, request.sha, organisations)


def action_code(terms: TaskTerms, organisations: tuple[str, ...]) -> Code | None:
    """Return where a reusable action is, on the default branch; None for a job without one."""
    if "code" not in terms:
        return None
    repo, sha = terms["code"]
    return check(repo, "", sha, organisations)


def code_of_job(job: Job, request: JobRequest, settings: Settings) -> Code:
    """Return where the code of a job is: the reusable action's if it is one, else the request's.

    Raises CodeError, also if the settings have changed since the job was made.
    """
    if not job.origin:
        organisations = settings.allowed_github_orgs
        return action_code(job.terms, organisations) or code_of(request, organisations)
    origin, home = Origin(**job.origin), settings.action_organisation
    repository = Repository.parse(origin.repo)
    if home is None or repository != home.repository(repository.name):
        raise CodeError("This backend no longer runs this reusable action.")
    return Code(repository, settings.action_branch, places.check_commit(origin.commit))


class Git:
    """Fetches commits that are on a branch, reads files of them and checks them out.

    Nothing here waits for a retry: CodeUnavailableError leaves that to the run loop.
    """

    def __init__(self, folder: Path, proxy: str, ca_file: Path, timeout: float = TIMEOUT) -> None:
        self._proxy = proxy.rstrip("/")
        self._git = ClosedGit(ca_file, timeout, (proxy.partition(":")[0],), "sallyport-runner")
        self._copies = Copies(folder, timeout)

    def fetch(self, code: Code) -> Path:
        """Return a repository that holds the commit; raise CodeError if it is not on the branch.

        A pull request can put any commit into a repository; only one on a branch was accepted by
        somebody who may push. A tag `fetched/<sha>` marks a complete fetch.
        """
        try:
            try:
                return self._fetch(code, remake=False)
            except GitError as error:
                if error.fault not in REPAIRABLE:
                    raise
                return self._fetch(code, remake=error.fault in DAMAGE)
        except GitError as error:
            raise _translated(error) from error

    def tags(self, repository: Repository) -> dict[str, str]:
        """Return the commit of each tag of a repository; raise CodeError."""
        try:
            words = ("ls-remote", f"{self._proxy}/{repository.path}", "refs/tags/*")
            return commits_of_tags(self._git.run(*words))
        except GitError as error:
            raise _translated(error) from error

    def read(self, repository: Path, sha: str, path: str) -> bytes:
        """Return a file of a commit; raise CodeError when it is absent or too large."""
        name = f"{sha}:{path}"
        if int(self._local(repository, "cat-file", "-s", name)) > MAX_FILE:
            raise CodeError(TOO_LARGE)
        return self._local(repository, "cat-file", "blob", name)

    def check_out(self, repository: Path, sha: str, target: Path) -> None:
        """Write the files of a commit into an empty folder; links stay links."""
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            words = [f"--work-tree={target}", "checkout", "--quiet", "--force", sha, "--", "."]
            self._local(repository, *words, index=f"{folder}/index")

    def _fetch(self, code: Code, *, remake: bool) -> Path:
        name = code.repository.path
        with self._copies.hold(name) as copy:
            if remake or copy.state is State.DAMAGED:
                shutil.rmtree(copy.path, ignore_errors=True)
            try:
                self._update(code, copy)
            except GitError:
                self._copies.suspect(name)
                raise
        return copy.path

    def _update(self, code: Code, copy: LocalCopy) -> None:
        if not copy.path.exists():
            self._git.run("init", "--quiet", "--bare", copy.path, lock=copy.lock)
        if self._succeeds(copy, "rev-parse", "--verify", "--quiet", _mark(code)):
            head = self._branch_head(code)
        else:
            head = self._fetch_head(code, copy)
            if head != code.sha:
                self._write(copy, "fetch", *_FETCH, "--depth=1", self._url(code), code.sha)
            self._write(copy, "update-ref", _mark(code), code.sha)
        if head != code.sha:
            self._check_ancestor(code, copy, head)

    def _fetch_head(self, code: Code, copy: LocalCopy) -> str:
        """Fetch the head of the branch, which nearly always is the commit, and return it."""
        source = f"+{code.reference}:{HEAD}"
        self._write(copy, "fetch", *_FETCH, "--depth=1", self._url(code), source)
        return self._git.run("rev-parse", HEAD, repository=copy.path).decode().strip()

    def _url(self, code: Code) -> str:
        return f"{self._proxy}/{code.repository.path}"

    def _branch_head(self, code: Code) -> str:
        listing = self._git.run("ls-remote", self._url(code), code.reference)
        for line in listing.decode("utf-8", "replace").splitlines():
            head, _, name = line.partition("\t")
            if name == code.reference:
                return head
        raise GitError(Fault.NO_BRANCH)

    def _check_ancestor(self, code: Code, copy: LocalCopy, head: str) -> None:
        source = f"+{code.reference}:{HEAD}"
        for depth in (10, ALL_HISTORY):
            self._write(copy, "fetch", *_FETCH, f"--depth={depth}", self._url(code), source)
            if self._succeeds(copy, "merge-base", "--is-ancestor", code.sha, HEAD):
                return
        log.warning("commit is not on its branch", extra={"sha": code.sha, "head": head})
        raise NotOnBranchError(MOVED_ON)

    def _write(self, copy: LocalCopy, *words: str) -> None:
        self._git.run(*words, repository=copy.path, lock=copy.lock)

    def _succeeds(self, copy: LocalCopy, *words: str) -> bool:
        try:
            self._git.run(*words, repository=copy.path)
        except GitError as error:
            if error.fault in {Fault.LOCKED, Fault.DAMAGED}:
                raise
            return False
        return True

    def _local(self, repository: Path, *words: str, index: str = "") -> bytes:
        """Run a command that needs no network; a damaged repository is removed."""
        extra = {"GIT_INDEX_FILE": index} if index else {}
        try:
            return self._git.run(*words, repository=repository, extra=extra)
        except GitError as error:
            if error.fault in DAMAGE:
                self._copies.discard(repository)
                raise CodeUnavailableError(Fault.DAMAGED.sentence) from error
            raise _translated(error) from error


def _mark(code: Code) -> str:
    return f"refs/tags/fetched/{code.sha}"


def _translated(error: GitError) -> Exception:
    """Return the error for a fault: final, or worth another try by the run loop."""
    if error.fault is Fault.MOVED and error.location:
        with contextlib.suppress(InvalidNameError):
            url = Repository.parse(error.location).url
            return CodeError(f"The repository has moved to {url}. Use the new URL.", error.fault)
    text = ADVICE.get(error.fault, str(error))
    return CodeUnavailableError(text) if error.fault.transient else CodeError(text, error.fault)
