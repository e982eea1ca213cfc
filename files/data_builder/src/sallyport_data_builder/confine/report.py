"""isolation-report: which layers confine study code, each by trying what it forbids."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from sallyport_data_builder.confine.parent import start

PROBES = {
    "ISO-01 environment": (
        "import os; raise SystemExit(any(n.startswith(('DATABASE', 'EHRQL')) for n in os.environ))"
    ),
    "ISO-02 new processes": (
        "from sallyport_data_builder.confine.child import limit\nimport os\nlimit()\n"
        "try: child = os.fork()\nexcept OSError: raise SystemExit(0)\n"
        "os._exit(0) if child == 0 else os.waitpid(child, 0)\nraise SystemExit(1)"
    ),
    "ISO-02 memory": (
        "from sallyport_data_builder.confine.child import limit\nlimit()\n"
        "try: bytearray(5 * 1024 ** 3)\nexcept MemoryError: raise SystemExit(0)\n"
        "raise SystemExit(1)"
    ),
    "container has no network": (
        "import os; raise SystemExit(set(os.listdir('/sys/class/net')) - {'lo'} != set())"
    ),
    "container's root is read-only": (
        "try: open('/.probe', 'w')\nexcept OSError: raise SystemExit(0)\nraise SystemExit(1)"
    ),
}
NOT_YET = ("ISO-03 system calls (seccomp)", "ISO-04 files (Landlock)")


def layers() -> Iterator[tuple[str, bool]]:
    """Yield each layer and whether it stopped the probe."""
    for name, probe in PROBES.items():
        yield name, start(["-c", probe], subprocess.DEVNULL).wait() == 0
    yield "not root", os.geteuid() != 0
    for name in NOT_YET:
        yield name, False
