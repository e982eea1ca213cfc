"""What gunicorn loads: reads the environment, starts the background loop of this process."""

from __future__ import annotations

import os
import threading

from sallyport_common import logging
from sallyport_common.backoff import Backoff
from sallyport_common.loop import StopSignal, run_loop
from sallyport_release_hatch.app import BySocket, create_app, create_outbox
from sallyport_release_hatch.services.hatch import build
from sallyport_release_hatch.settings import Settings

PAUSE = 2.0


def start() -> BySocket:
    """Return the application, with the loop that hands over and notifies running beside it."""
    logging.configure("release_hatch")
    settings = Settings.from_env(os.environ)
    settings.check_folders()
    hatch = build(settings)
    arguments = ("background", hatch.step, PAUSE, StopSignal(), Backoff(2, 60))
    threading.Thread(target=run_loop, args=arguments, daemon=True).start()
    return BySocket(create_app(settings, hatch), create_outbox(hatch), settings.outbox_socket)


application = start()
