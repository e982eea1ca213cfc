"""The container engine of this machine: where it is, who jobs run as, images by tag."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container

from sallyport_runner.local.faults import LocalError
from sallyport_runner.models import ContainerStatus, Image
from sallyport_runner.profile import JOB_USER
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_study.site import Site

PULL_TIMEOUT = 1200
_UNIX = "unix://"
_ADVICE: dict[type[OSError], str] = {
    FileNotFoundError: "install Docker, or start it",
    ConnectionRefusedError: "start Docker",
    PermissionError: "add yourself to the group 'docker' and log in again, or use rootless Docker",
}


def address(environment: Mapping[str, str]) -> str:
    """Return the engine's URL: DOCKER_HOST, else that of Docker's current context."""
    if environment.get("DOCKER_HOST"):
        return environment["DOCKER_HOST"]
    try:
        context = ContextAPI.get_current_context()
    except DockerException as error:
        raise LocalError(f"Docker's current context cannot be read: {error}") from error
    return str(context.Host) if context is not None and context.Host else "unix:///run/docker.sock"


@dataclass(frozen=True)
class Engine:
    """What a local run has to know of an engine: CPUs, and whether it runs without root."""

    cpus: int
    rootless: bool

    def job_user(self) -> tuple[int, int]:
        """Return the account and group of jobs, such that their outputs belong to the researcher.

        A rootless engine runs as the researcher, who is root in its containers. Root itself gives
        its jobs the account that they have on a backend.
        """
        if self.rootless:
            return 0, 0
        return (os.getuid(), os.getgid()) if os.getuid() else (JOB_USER, JOB_USER)


class LocalExecutor(DockerExecutor):
    """The executor of a backend, with images by their tag instead of the registry's digest."""

    def __init__(self, site: Site, url: str) -> None:
        super().__init__(site.registry, PULL_TIMEOUT, url, site.images)
        self._ended: dict[str, Container] = {}

    def check(self) -> Engine:
        """Return what the engine is; raise LocalError if it does not answer."""
        if self._url.startswith(_UNIX):
            _try(self._url.removeprefix(_UNIX))
        try:
            info = self._client.info()
        except (DockerException, requests.RequestException) as error:
            raise LocalError(f"Docker does not answer at {self._url}: {error}") from error
        options = info.get("SecurityOptions") or []
        return Engine(int(info["NCPU"]), any("name=rootless" in option for option in options))

    def fetch(self, name: str, pulling: Callable[[str], None]) -> Image:
        """Return the image `name:tag` that this machine has, or pull it; raise LocalError.

        `pulling` gets the reference before a pull begins.
        """
        reference = f"{self._repository(name)}:{name.rpartition(':')[2]}"
        try:
            held = self._held(reference)
            if held is None:
                pulling(reference)
                self._pull(reference)
                held = self._held(reference)
        except (DockerException, requests.RequestException, ImageError, TransientError) as error:
            reason = getattr(error, "explanation", None) or error
            raise LocalError(
                f"The image {reference} is not on this machine and could not be pulled ({reason}). "
                "Check its name and tag in project.yaml, the network, and your site's registry "
                "(SALLYPORT_REGISTRY or --registry)."
            ) from error
        if held is None:
            raise LocalError(f"The image {reference} was pulled and removed again.")
        return held

    def _elsewhere(self, repository: str) -> str:
        """Return a repository itself where a dot in its first part names a registry."""
        named = "." in repository.partition("/")[0]
        return repository if named else super()._elsewhere(repository)

    def _held(self, reference: str) -> Image | None:
        """Return an image by the digest of its content."""
        try:
            found = self._client.images.get(reference)
        except ImageNotFound:
            return None
        return Image(reference=str(found.id), labels=found.labels)

    def _container(self, name: str) -> Container | None:
        """Ask the engine no more about a container that ended: it does not change."""
        found = self._ended.get(name) or super()._container(name)
        if found is not None and found.status == "exited":
            self._ended[name] = found
        return found

    def remove(self, name: str) -> None:
        """See Executor."""
        super().remove(name)
        self._ended.pop(name, None)

    def wait(self, name: str) -> ContainerStatus | None:
        """Return how a container ended, once it has; None when somebody removed it."""
        status = None
        while status is None or status.running:
            # An engine that hung up is asked once more, and its fault is told then.
            with contextlib.suppress(APIError, requests.RequestException):
                self._client.api.wait(name, timeout=None)
            status = self.status(name)
            if status is None:
                return None
        return status


def _try(path: str) -> None:
    """Raise LocalError with advice unless something listens on a socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            advice = _ADVICE.get(type(error), "check DOCKER_HOST and `docker context ls`")
            raise LocalError(
                f"Docker cannot be reached at {Path(path)} ({error.strerror or error}): {advice}."
            ) from error
