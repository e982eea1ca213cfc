"""Sockets that systemd opened for us (the LISTEN_FDS protocol of sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket

FIRST_DESCRIPTOR = 3


def listen_sockets() -> dict[str, socket.socket]:
    """Return the sockets handed over to this process, by their FileDescriptorName."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    return {names[index]: socket.socket(fileno=FIRST_DESCRIPTOR + index) for index in range(count)}
