"""What every container of a job has, as data: `sandbox.json`, and the system calls it may use.

The role `data_builder` renders the options of its own containers from the same files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent
SECCOMP = _PACKAGE / "seccomp.json"
INSIDE = _PACKAGE / "inside.py"
"""What the self-test runs as a job: its text is read, and the daemon does not import it."""
SANDBOX: dict[str, Any] = json.loads((_PACKAGE / "sandbox.json").read_text("utf-8"))
JOB_USER: int = SANDBOX["user"]
"""Number of the account, and of its group, that jobs run as."""
LOG_FILES, LOG_FILE_SIZE = 200, 20 * 1000**2
"""What the engine keeps of a container's output; it removes older files without a word."""
LOG_LIMIT = LOG_FILES * LOG_FILE_SIZE * 9 // 10
