"""Runs git: nothing of the machine's configuration, no prompt, no hook, no child that stays."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sallyport_common.closed_git.faults import Fault, GitError, classify, named_location

log = logging.getLogger(__name__)
GIT = "/usr/bin/git"
Pairs = Sequence[tuple[str, str]]

# Old flaws that public forges serve and that cannot hurt: they concern dates, names and the
# notation of file modes. Everything about paths, links, submodules and order stays an error.
HARMLESS = (
    "zeroPaddedFilemode", "badTimezone", "badDate", "badDateOverflow", "zeroPaddedDate",
    "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingEmail", "missingNameBeforeEmail",
    "badEmail", "badName", "multipleAuthors", "nulInCommit",
)  # fmt: skip
CONFIGURATION: Pairs = (
    ("core.hooksPath", "/dev/null"),
    ("core.symlinks", "true"),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "100"),
    ("http.lowSpeedTime", "120"),
    ("transfer.credentialsInUrl", "die"),
    ("transfer.fsckObjects", "true"),
    *((f"fetch.fsck.{name}", "ignore") for name in HARMLESS),
)
# The helper answers "get" with a secret file of the form user:password; nothing is in argv.
HELPER = (
    '!f() { test "$1" = get || return 0; IFS=: read -r u p < "$SALLYPORT_CREDENTIAL";'
    ' printf "username=%s\\npassword=%s\\n" "$u" "$p"; }; f'
)


@dataclass(frozen=True)
class Credential:
    """A file that holds `user:password`, for URLs that begin with `origin` and for no others."""

    origin: str
    file: Path


@dataclass(frozen=True)
class ClosedGit:
    """How git runs: for `timeout` seconds at most, over the listed protocols only."""

    ca_file: Path
    timeout: float
    protocols: tuple[str, ...]
    user_agent: str = "sallyport"

    def environment(
        self, configuration: Pairs = (), credential: Credential | None = None
    ) -> dict[str, str]:
        """Return the whole environment of a git process; a repeated key is a list to git."""
        pairs = [*CONFIGURATION, ("http.userAgent", self.user_agent), *configuration]
        own = {}
        if credential:
            pairs.append((f"credential.{credential.origin}.helper", HELPER))
            own["SALLYPORT_CREDENTIAL"] = str(credential.file)
        for number, (key, value) in enumerate(pairs):
            own |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return own | {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "HOME": "/nonexistent",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": str(len(pairs)),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(self.protocols),
            "GIT_SSL_CAINFO": str(self.ca_file),
        }

    def run(
        self,
        *arguments: str | Path,
        repository: Path | None = None,
        credential: Credential | None = None,
        extra: Mapping[str, str] | None = None,
        lock: int | None = None,
    ) -> bytes:
        """Run one command and return its output; raise GitError.

        `lock` is the descriptor of a lock that git inherits: should this program be killed, the
        lock is held until git has ended as well.
        """
        words = [f"--git-dir={repository}", *arguments] if repository else arguments
        env = self.environment((), credential) | dict(extra or {})
        with self.running(words, env, stderr=subprocess.PIPE, lock=lock) as process:
            try:
                output, errors = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                raise GitError(Fault.TIMEOUT) from None
        if process.returncode:
            text = errors.decode("utf-8", "replace")
            if text:
                log.warning("git failed", extra={"command": arguments[0], "output": text[-2000:]})
            fault = Fault.TIMEOUT if process.returncode < 0 else classify(text)
            raise GitError(fault, named_location(text))
        return output

    @contextlib.contextmanager
    def running(
        self,
        arguments: Sequence[str | Path],
        env: Mapping[str, str],
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
        lock: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Yield a running git; it and its children end at the time limit or with the block."""
        process = subprocess.Popen(
            [GIT, *arguments],
            env=dict(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )
        timer = threading.Timer(self.timeout, _kill, [process])
        timer.daemon = True
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            _kill(process)
            process.communicate()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and every child that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
