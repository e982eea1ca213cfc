"""Where the checkout is that these plugins are part of: they read its roles and inventories."""

from __future__ import annotations

from pathlib import Path

# collections/ansible_collections/sallyport/site/plugins/plugin_utils/checkout.py
ROOT = Path(__file__).resolve().parents[6]
