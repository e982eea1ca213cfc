"""What gunicorn loads; the only module that reads the environment on import."""

from __future__ import annotations

import os
import signal
from types import FrameType

from werkzeug.middleware.proxy_fix import ProxyFix

from sallyport_common import logging
from sallyport_job_server.app import create_app
from sallyport_job_server.services.bundle import Services
from sallyport_job_server.settings import Settings

logging.configure("job_server")
_app = create_app(Settings.from_env(os.environ))
# Only the reverse proxy reaches the socket, so what it says about the client is true.
application = ProxyFix(_app, x_for=1, x_proto=1, x_host=1)


def _release_held_requests_on_stop(services: Services) -> None:
    """Let held requests go when the worker is told to stop, so that a restart is quick."""
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        services.watcher.stop()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)


_release_held_requests_on_stop(_app.extensions["sallyport"])
