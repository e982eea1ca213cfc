"""What systemd hands to a service: sockets (sd_listen_fds(3)), a folder until the next reboot."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

from sallyport_common.paths import write_atomic

FIRST_DESCRIPTOR = 3


def listen_sockets() -> dict[str, socket.socket]:
    """Return the sockets handed over to this process, by their FileDescriptorName."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    return {names[index]: socket.socket(fileno=FIRST_DESCRIPTOR + index) for index in range(count)}


def boot_name() -> str:
    """Return a name of the present boot of the host: 32 hex digits, the same until a reboot.

    It is kept in the unit's RuntimeDirectory (systemd.exec(5)), which has to be preserved. The
    kernel's boot_id would not do: a sandboxed service does not see it, and a host that is a
    container keeps that of its machine. Without such a folder the name is empty: not known.
    """
    folder = os.environ.get("RUNTIME_DIRECTORY")
    if not folder:
        return ""
    path = Path(folder) / "boot"
    if not path.exists():
        write_atomic(path, secrets.token_hex(16).encode())
    return path.read_text(encoding="ascii")
