"""The admin socket of the rig's runner."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.runner.rig import Runner
from waitress.server import create_server

from sallyport_runner import cli
from sallyport_runner.app import create_app
from sallyport_runner.services.control import Control
from sallyport_runner.services.requests.sync import SyncState


@contextlib.contextmanager
def admin_socket(runner: Runner, folder: Path) -> Iterator[Path]:
    """Give the path of a socket that a server with the rig's parts answers."""
    control = Control(runner.parts, SyncState(), runner.sweeper)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(folder / "admin.sock"))
        server: Any = create_server(
            create_app(control, {"store": lambda: None}),
            sockets=[listening],
            asyncore_loop_timeout=0.02,
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield folder / "admin.sock"
        with contextlib.suppress(OSError):  # it may have closed before the trigger is written
            server.trigger.pull_trigger(server.close)  # in its own thread, between two requests
        thread.join(2)


def call(path: Path, *words: str) -> int:
    """Run a verb; return its exit code."""
    return cli.main(["--socket", str(path), *words])
