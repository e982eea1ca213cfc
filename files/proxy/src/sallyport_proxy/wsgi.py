"""What gunicorn loads; the only module that reads the environment on import."""

from __future__ import annotations

import os

from werkzeug.middleware.proxy_fix import ProxyFix

from sallyport_common import logging
from sallyport_proxy.app import create_app
from sallyport_proxy.settings import Settings

logging.configure("proxy")
# The socket is handed to nginx alone, so what it says about the client is true.
application = ProxyFix(create_app(Settings.from_env(os.environ)), x_for=1, x_proto=1, x_host=1)
