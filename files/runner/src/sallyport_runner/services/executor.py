"""What the run loop asks of a container engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from sallyport_runner.models import (
    ContainerSpec,
    ContainerStatus,
    Image,
    Reason,
    StoredImage,
    Usage,
)


class TransientError(Exception):
    """A fault that may pass; `retrying` and `gave_up` are what people are told of it."""

    retrying, gave_up = Reason.RETRY, Reason.GAVE_UP


class EngineUnavailableError(TransientError):
    """The container engine is busy, or does not answer."""

    retrying, gave_up = Reason.RETRY_ENGINE, Reason.NO_ENGINE


class RegistryUnavailableError(TransientError):
    """The registry, or the proxy before it, does not answer."""

    retrying, gave_up = Reason.RETRY_REGISTRY, Reason.NO_REGISTRY


class ImageError(Exception):
    """The registry has no such image, or what it sent is not what was asked for."""


class Executor(Protocol):
    """Runs containers; every method is idempotent and raises TransientError where waiting helps."""

    def fetch_image(self, name: str, digest: str | None) -> Image:
        """Pull `name:tag` by digest (the registry's own when none is given); name its content."""

    def import_image(self, archive: bytes) -> str:
        """Make an image of a file system (tar) and return its reference, by its content."""

    def images(self) -> list[StoredImage]:
        """Return the images that were pulled by digest from our registry and have no tag."""

    def remove_image(self, reference: str) -> bool:
        """Remove an image by its reference; return False when a container uses it."""

    def data_folder(self) -> Path:
        """Return the folder in which the engine keeps images and containers."""

    def network_exists(self, name: str) -> bool:
        """Return whether a network of this name exists."""

    def start(self, spec: ContainerSpec) -> None:
        """Create and start a container; one of the same name, attempt and phase is adopted."""

    def status(self, name: str) -> ContainerStatus | None:
        """Return the state of a container, None when it does not exist."""

    def list(self, backend: str) -> list[ContainerStatus]:
        """Return every container with our labels for this backend, ended ones included."""

    def ends(self, backend: str) -> Iterator[str]:
        """Yield the name of each container of this backend that ends, as it does, without end.

        The first item is empty: it says that the engine listens. Raises TransientError when it
        goes away.
        """

    def usage(self, name: str) -> Usage | None:
        """Return what a running container uses, None when it is gone."""

    def kill(self, name: str) -> None:
        """End a container; no complaint when it has ended or is gone."""

    def remove(self, name: str) -> None:
        """End and remove a container; no complaint when it is gone."""

    def inspect(self, name: str) -> dict[str, Any]:
        """Return all that the engine knows of a container, {} when it is gone."""

    def logs(self, name: str, *, errors: bool = True) -> Iterator[bytes]:
        """Yield a container's output with a time on each line, with or without standard error."""
