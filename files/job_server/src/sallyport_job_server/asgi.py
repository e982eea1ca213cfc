"""What gunicorn loads; the only module that reads the environment on import."""

from __future__ import annotations

import os

from werkzeug.middleware.proxy_fix import ProxyFix

from sallyport_common import logging
from sallyport_job_server.app import create_app
from sallyport_job_server.front import Front
from sallyport_job_server.settings import Settings

logging.configure("job_server")
_settings = Settings.from_env(os.environ)
_app = create_app(_settings)
_app.extensions["sallyport"].chores.start()
_app.extensions["sallyport"].courier.start()
# Only the reverse proxy reaches the socket, so what it says about the client is true.
application = Front(
    ProxyFix(_app, x_for=1, x_proto=1, x_host=1),
    _app.extensions["sallyport"].watcher,
    _settings.threads,
)
