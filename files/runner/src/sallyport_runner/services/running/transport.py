"""The way to the container engine: few connections, and no call that only the SDK needs."""

from __future__ import annotations

from typing import Any

import docker
from docker.transport import UnixHTTPAdapter

CONNECTIONS = 10
_SCHEME = "http+docker://"


class _OneEngine(UnixHTTPAdapter):
    """Keeps its connections whatever is asked for.

    The SDK has a pool of connections for each address, and the name of a container is part of it.
    """

    def get_connection(self, _url: Any, proxies: Any = None) -> Any:
        """See HTTPAdapter."""
        return super().get_connection(_SCHEME, proxies)


class _Api(docker.APIClient):
    """The SDK's calls, over a unix socket without a look at variables for proxies."""

    def __init__(self, url: str, version: str, timeout: int) -> None:
        super().__init__(base_url=url, version=version, timeout=timeout)
        if self.base_url.startswith(_SCHEME):
            path = url.removeprefix("unix://")
            self.mount(_SCHEME, _OneEngine(f"http+unix://{path}", timeout, 1, CONNECTIONS))
            self.trust_env = False

    def _check_is_tty(self, _container: Any) -> bool:
        """Spare the question that the SDK asks before it reads a log: jobs have no terminal."""
        return False


def client(url: str, timeout: int) -> docker.DockerClient:
    """Return a client of the engine at `url`; raise DockerException when it does not answer."""
    made = docker.DockerClient(base_url=url, version="auto", timeout=timeout)
    version = made.api.api_version
    made.close()
    made.api = _Api(url, version, timeout)
    return made
