"""The self-test: one container with the flags of a job, looked at from inside and by the engine.

No job may start while it fails: a container that is less closed than promised would run code that
nobody here has read. It needs no registry: its image holds empty folders, into which the Python of
the host is mounted.
"""

from __future__ import annotations

import io
import json
import logging
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace

from sallyport_runner.models import ContainerSpec, Job, JobRequest, Mount
from sallyport_runner.profile import INSIDE
from sallyport_runner.services.executor import Executor, ImageError, TransientError
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.running.asking import NoAnswerError, answer
from sallyport_runner.services.running.sandbox import SELF_TEST, Sandbox
from sallyport_runner.services.running.verification import faults

log = logging.getLogger(__name__)
EVERY = 86400.0
RETRY = 60.0
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
# A link named /sbin would have the engine make the mount point of its init in the /usr of the host.
FOLDERS = ("etc", "sbin", "tmp", "usr", "workspace")
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}


class SelfTest:
    """Runs the test when it is due; jobs may start while `passed` is true.

    `clock` returns seconds, and is not set back like the time of day; `wait` sleeps for some.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        executor: Executor,
        volumes: Volumes,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sandbox, self._executor, self._volumes = sandbox, executor, volumes
        self._clock, self._wait = clock, wait
        self._next = 0.0
        self.faults: list[str] = ["The self-test of the sandbox has not run yet."]

    @property
    def passed(self) -> bool:
        """Return whether the last run found no fault."""
        return not self.faults

    def due(self) -> bool:
        """Return whether it should run: at the start, daily, and every minute while it fails."""
        return self._clock() >= self._next

    def run(self) -> list[str]:
        """Run the test, keep what it found and return it: no fault, or a sentence for each."""
        try:
            self.faults = self._run()
        except (TransientError, ImageError, NoAnswerError, OSError, ValueError) as error:
            self.faults = [f"The self-test of the sandbox could not be completed: {error}."]
        self._next = self._clock() + (EVERY if self.passed else RETRY)
        if self.passed:
            log.info("self-test passed")
        for fault in self.faults:
            log.error("self-test failed: %s", fault)
        return self.faults

    def _run(self) -> list[str]:
        volume = self._volumes.of(self._sandbox.own(SELF_TEST))
        image = self._executor.import_image(archive())
        spec = self._specification(image, volume)
        try:
            volume.make()
            volume.hand_over(volume.workspace)
            said = answer(self._executor, spec, self._clock, self._wait)
            return faults(spec, json.loads(said), self._executor.inspect(spec.name))
        finally:
            self._executor.remove(spec.name)
            self._executor.remove_image(image)
            volume.remove()

    def _specification(self, image: str, volume: Volume) -> ContainerSpec:
        """Return a job's own specification, with another program and the folder that has it."""
        name = self._sandbox.own(SELF_TEST)
        job = Job(id=name, request_id=name, workspace=name, action=name, words=[name], image=image)
        spec = self._sandbox.specification(job, _REQUEST, volume)
        return replace(
            spec,
            command=[*PYTHON, INSIDE.read_text(encoding="utf-8")],
            # Of no backend: what looks for jobs of ours does not find it.
            labels=spec.labels | {"org.sallyport.backend": ""},
            mounts=[*spec.mounts, Mount(source="/usr", target="/usr")],
        )


_REQUEST = JobRequest(
    identifier=SELF_TEST,
    payload_digest="",
    workspace=SELF_TEST,
    repo="",
    branch="",
    sha="",
    requested_actions=[SELF_TEST],
)


def archive() -> bytes:
    """Return the file system of the image: folders and links, and no file."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, goal in LINKS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, goal
            tar.addfile(entry)
    return target.getvalue()
