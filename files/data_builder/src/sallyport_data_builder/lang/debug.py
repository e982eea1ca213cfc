"""What studies call while they are written; it shows values in an editor, and here does nothing."""

from __future__ import annotations

from sallyport_data_builder.lang.functions import show

__all__ = ["debug", "show", "stop"]


def debug(*_values: object, **_options: object) -> None:
    """Do nothing here."""


def stop(**_options: object) -> None:
    """Do nothing here."""
