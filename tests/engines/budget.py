"""How many random graphs a run tries, and from which seed; a campaign sets both."""

from __future__ import annotations

import os

GRAPHS = int(os.environ.get("GRAPHS", "300"))
SEED = int(os.environ.get("GRAPHS_SEED", "20240229"))
