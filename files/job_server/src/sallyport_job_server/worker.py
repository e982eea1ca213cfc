"""Gunicorn's worker: an event loop that lets held requests go when it is told to stop."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker


class _Server(Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the waiting of runners and people, which would keep a restart for a minute."""
        application: Any = self.config.app
        application.end()
        super().handle_exit(sig, frame)


class Worker(UvicornWorker):
    """Serves ASGI; what the reverse proxy says of the client is read by Flask alone."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "http": "h11",
        "loop": "asyncio",
        "lifespan": "on",
        "interface": "asgi3",
        "proxy_headers": False,
        "server_header": False,
    }

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _Server(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
