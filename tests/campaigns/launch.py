"""Start the runner as its unit does on a host of its own: own `/run`, admin socket, own clock.

`unshare --mount PYTHON launch.py RUN CLOCK ANY daemon`: RUN becomes `/run`, where the engine
listens; CLOCK is the file that says how far the clock is off.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

FIRST = 3
RUNNER = """
import select, time
time.sleep = lambda seconds: select.select((), (), (), seconds)
from sallyport_runner.cli import run
run()
"""
"""The runner's command, with another sleep.

libfaketime 0.9.10 makes of a sleep until a moment of the monotonic clock, as Python's are, one
until another moment.
"""


def main() -> None:
    """Become the command."""
    run, clock, _program, *words = sys.argv[1:]
    subprocess.run(["mount", "--bind", run, "/run"], check=True)
    place = Path("/run/admin.sock")
    place.unlink(missing_ok=True)
    admin = socket.socket(socket.AF_UNIX)
    admin.bind(str(place))
    admin.listen()
    os.dup2(admin.detach(), FIRST)
    os.set_inheritable(FIRST, True)
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    own = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "admin"}
    own |= {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": clock}
    own |= {
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    os.execve(sys.executable, [sys.executable, "-c", RUNNER, *words], os.environ | own)  # noqa: S606 (becoming it is the point)


if __name__ == "__main__":
    main()
