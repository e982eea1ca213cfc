"""The executor over Docker Engine; `_creation` and `sandbox.json` are the sandbox of a job."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount, Ulimit
from urllib3.exceptions import HTTPError

from sallyport_runner.models import ContainerSpec, ContainerStatus, Image, StoredImage, Usage
from sallyport_runner.profile import LOG_FILE_SIZE, LOG_FILES, SANDBOX, SECCOMP
from sallyport_runner.services.executor import (
    EngineUnavailableError,
    ImageError,
    RegistryUnavailableError,
    TransientError,
)
from sallyport_runner.services.outputs import isolation
from sallyport_runner.services.running import transport
from sallyport_study.catalogue import DEFAULT, Catalogue

CALL_TIMEOUT = 15
SILENCE = 3600
"""Seconds without an event after which the stream of events is opened again."""
_LACKING = ("manifest unknown", "name unknown")
"""What registries say of what they lack; the engine passes some of it on as a fault of its own."""
_NO_IMAGE = (*_LACKING, "not found", "denied", "unauthorized")


_DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@contextlib.contextmanager
def _faults(refused: type[TransientError] = EngineUnavailableError) -> Iterator[None]:
    """Turn the engine's refusals and silences into our exceptions; NotFound passes.

    A refusal or a long silence becomes `refused`: when an image is asked for, the engine waits for
    the registry.
    """
    try:
        yield
    except NotFound:
        raise
    except APIError as error:
        text = f"the container engine answered {error.status_code}: {error.explanation}"
        lacking = any(part in str(error.explanation).lower() for part in _LACKING)
        if refused is RegistryUnavailableError and (lacking or error.status_code in _DENIED):
            raise ImageError(text) from error
        raise refused(text) from error
    except requests.ReadTimeout as error:
        raise refused("the container engine did not answer in time") from error
    except (DockerException, requests.RequestException, HTTPError) as error:
        raise EngineUnavailableError(
            f"the container engine is unavailable: {type(error).__name__}"
        ) from error


class DockerExecutor:
    """Implements Executor with the Docker SDK on the engine's unix socket."""

    def __init__(
        self,
        registry: str,
        pull_timeout: int,
        url: str = "unix:///run/docker.sock",
        images: Catalogue = DEFAULT,
    ) -> None:
        self._registry, self._pull_timeout, self._url = registry, pull_timeout, url
        self._images = images

    @functools.cached_property
    def _client(self) -> docker.DockerClient:
        return transport.client(self._url, CALL_TIMEOUT)

    def _container(self, name: str) -> Container | None:
        with _faults():
            try:
                return self._client.containers.get(name)
            except NotFound:
                return None

    def fetch_image(self, name: str, digest: str | None) -> Image:
        """See Executor."""
        repository, tag = self._repository(name), name.rpartition(":")[2]
        try:
            with _faults(RegistryUnavailableError):
                wanted = digest or self._registry_digest(f"{repository}:{tag}")
                reference = f"{repository}@{wanted}"
                return self._local(reference) or self._pull(reference)
        except NotFound as error:
            raise ImageError(f"the registry has no image {name}") from error

    def _repository(self, name: str) -> str:
        """Return where the image `name:tag` is pulled from, without the tag."""
        name = name.partition(":")[0]
        entry = self._images.entries.get(name)
        if entry is None or not entry.repository:
            return f"{self._registry}/{name}"
        return self._elsewhere(entry.repository)

    def _elsewhere(self, repository: str) -> str:
        """Return where the proxy has a repository that the settings name."""
        return f"{self._registry.partition('/')[0]}/{repository}"

    def _registry_digest(self, name: str) -> str:
        return str(self._client.images.get_registry_data(name).id)

    def _local(self, reference: str) -> Image | None:
        try:
            found = self._client.images.get(reference)
        except ImageNotFound:
            return None
        return Image(reference=reference, labels=found.labels)

    def _pull(self, reference: str) -> Image:
        patient = docker.DockerClient(
            base_url=self._url, version="auto", timeout=self._pull_timeout
        )
        with contextlib.closing(patient):
            for event in patient.api.pull(reference, stream=True, decode=True):
                _judge_pull(str(event.get("error") or ""))
            found = patient.images.get(reference)
        return Image(reference=reference, labels=found.labels)

    def import_image(self, archive: bytes) -> str:
        """See Executor."""
        with _faults():
            answer = self._client.api.import_image_from_data(archive)
        return str(json.loads(answer.splitlines()[-1])["status"])

    def images(self) -> list[StoredImage]:
        """See Executor."""
        with _faults():
            images = self._client.images.list()
        own = (f"{self._registry}/", *(f"{self._repository(n)}@" for n in self._images.names))
        return [
            StoredImage(reference=reference, created=_moment(image.attrs.get("Created", "")))
            for image in images
            for reference in _own_references(image.attrs, own)
        ]

    def remove_image(self, reference: str) -> bool:
        """See Executor."""
        with _faults():
            try:
                self._client.images.remove(reference)
            except NotFound:
                return True
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:
                    raise
                return False
        return True

    def data_folder(self) -> Path:
        """See Executor."""
        with _faults():
            return Path(self._client.info()["DockerRootDir"])

    def network_exists(self, name: str) -> bool:
        """See Executor."""
        with _faults():
            return any(found.name == name for found in self._client.networks.list(names=[name]))

    def start(self, spec: ContainerSpec) -> None:
        """See Executor: two calls, unless there is a container of that name already."""
        with _faults():
            try:
                self._start(spec)
            except NotFound as error:
                raise ImageError(f"the engine lacks the image {spec.image}") from error

    def _start(self, spec: ContainerSpec) -> None:
        api = self._client.api
        try:
            made = api.create_container(**_arguments(api, _creation(spec)))
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            found = self._container(spec.name)
            # One that was made and never started ran nothing: it is created again.
            if found and found.status != "created" and _same_run(found.labels, spec.labels):
                return
            self.remove(spec.name)
            made = api.create_container(**_arguments(api, _creation(spec)))
        api.start(made["Id"])

    def status(self, name: str) -> ContainerStatus | None:
        """See Executor."""
        found = self._container(name)
        return _status(found) if found is not None else None

    def list(self, backend: str) -> list[ContainerStatus]:
        """See Executor."""
        label = f"org.sallyport.backend={backend}"
        with _faults():
            found = self._client.containers.list(
                all=True, filters={"label": label}, ignore_removed=True
            )
        return [_status(container) for container in found]

    def ends(self, backend: str) -> Iterator[str]:
        """See Executor."""
        wanted = {
            "type": "container",
            "event": "die",
            "label": f"org.sallyport.backend={backend}",
        }
        with _faults():
            patient = docker.APIClient(base_url=self._url, version="auto", timeout=SILENCE)
            with contextlib.closing(patient):
                events = patient.events(decode=True, filters=wanted)
                yield ""
                for event in events:
                    yield str(event["Actor"]["Attributes"]["name"])
        raise EngineUnavailableError("the container engine ended its stream of events")

    def usage(self, name: str) -> Usage | None:
        """See Executor."""
        try:
            with _faults():
                figures = self._client.api.stats(name, stream=False, one_shot=True)
        except NotFound:
            return None
        cpu = figures.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0)
        return Usage(cpu_seconds=cpu / 1e9, memory=_memory(figures.get("memory_stats", {})))

    def kill(self, name: str) -> None:
        """See Executor."""
        with contextlib.suppress(NotFound), _faults():
            try:
                self._client.api.kill(name)
            except APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # it has ended
                    raise

    def remove(self, name: str) -> None:
        """See Executor."""
        with contextlib.suppress(NotFound), _faults():
            self._client.api.remove_container(name, force=True, v=True)

    def inspect(self, name: str) -> dict[str, Any]:
        """See Executor."""
        found = self._container(name)
        return dict(found.attrs) if found is not None else {}

    def logs(self, name: str, *, errors: bool = True) -> Iterator[bytes]:
        """See Executor."""
        with contextlib.suppress(NotFound), _faults():
            yield from self._client.api.logs(
                name, stream=True, timestamps=True, follow=False, stderr=errors
            )


def _judge_pull(error: str) -> None:
    """Raise for the fault that a pull told after it had begun: most of them pass."""
    if any(part in error.lower() for part in _NO_IMAGE):
        raise ImageError(f"the registry refuses the image: {error}")
    if error:
        raise RegistryUnavailableError(f"the image was not pulled: {error}")


def _memory(figures: dict[str, Any]) -> int:
    """Return the bytes that a container needs: its usage without page cache that may be dropped.

    Control groups name that part `total_inactive_file` (version 1) or `inactive_file` (version 2).
    """
    details = figures.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(int(figures.get("usage", 0)) - int(cache), 0)


def _own_references(attributes: dict[str, Any], prefixes: tuple[str, ...]) -> list[str]:
    """Return an image's references by digest where all are ours and none is a tag."""
    digests = attributes.get("RepoDigests") or []
    ours = not attributes.get("RepoTags") and all(text.startswith(prefixes) for text in digests)
    return list(digests) if ours else []


def _same_run(found: dict[str, str], wanted: dict[str, str]) -> bool:
    names = ("org.sallyport.job", "org.sallyport.attempt", "org.sallyport.phase")
    return all(found.get(name) == wanted.get(name) for name in names)


def _moment(text: str) -> float:
    """Return the engine's time, which has nanoseconds, in seconds; 0 where it says never."""
    if not text or text.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()


def _status(container: Container) -> ContainerStatus:
    state = container.attrs["State"]
    running = state["Status"] in {"running", "paused", "restarting"}
    return ContainerStatus(
        name=str(container.name),
        labels=dict(container.labels),
        state=state["Status"],
        exit_code=None if running else state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        finished_at=_moment(state.get("FinishedAt", "")),
        details=dict(container.attrs),
    )


@functools.cache
def _profile() -> str:
    return SECCOMP.read_text("utf-8")


def _creation(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments that make a container: every limit of a job in one place."""
    if "sha256:" not in spec.image:
        raise ValueError("an image is run by the digest of its content only")
    return {
        **SANDBOX["options"],
        "image": spec.image,
        "command": spec.command,
        "entrypoint": spec.entrypoint or None,
        "name": spec.name,
        "environment": spec.environment,
        "labels": spec.labels,
        "user": ":".join(map(str, spec.user)),
        "working_dir": "/workspace",
        "security_opt": [
            *SANDBOX["options"]["security_opt"],
            f"seccomp={_profile()}",
        ],
        "tmpfs": {"/tmp": f"{SANDBOX['tmpfs']},size={spec.tmp_size}"},  # noqa: S108 (inside)
        "mounts": [
            Mount(mount.target, mount.source, type="bind", read_only=mount.read_only)
            for mount in spec.mounts
        ],
        "runtime": spec.runtime,
        "shm_size": spec.shm_size,
        "pids_limit": spec.pids,
        "mem_limit": spec.memory,
        "memswap_limit": spec.memory,
        "nano_cpus": int(spec.cpus * 1e9),
        "ulimits": [
            Ulimit(name=name, soft=limit, hard=limit)
            for name, limit in (SANDBOX["ulimits"] | {"fsize": spec.file_size}).items()
        ],
        "log_config": LogConfig(
            type="local",
            config={
                "max-size": str(LOG_FILE_SIZE),
                "max-file": str(LOG_FILES),
                "compress": "true",
            },
        ),
        **_network(spec),
    }


_OF_THE_PROGRAM = frozenset({
    "image", "command", "entrypoint", "name", "environment", "labels", "user", "working_dir",
    "stop_signal",
})  # fmt: skip


def _arguments(api: docker.APIClient, made: dict[str, Any]) -> dict[str, Any]:
    """Return what `_creation` says as the engine's interface has it: program and host apart."""
    program = {name: made[name] for name in made.keys() & _OF_THE_PROGRAM}
    host = {name: made[name] for name in made.keys() - _OF_THE_PROGRAM}
    arguments = program | {"host_config": api.create_host_config(**host)}
    return arguments | {"labels": made["labels"] | isolation.label(arguments)}


def _network(spec: ContainerSpec) -> dict[str, Any]:
    """Return no network at all, or one with a dead resolver and the named hosts."""
    if spec.network is None:
        return {"network_mode": "none"}
    return {
        "network_mode": spec.network,
        "dns": [spec.dns],
        "dns_opt": SANDBOX["dns_opt"],
        "extra_hosts": spec.hosts,
    }
