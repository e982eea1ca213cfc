"""Collect garbage rarely in the programs of a scenario; Python imports this at its start."""

from __future__ import annotations

import gc

gc.set_threshold(200_000, 50, 50)
