"""What stops a local run before its first action, or one action of it."""

from __future__ import annotations

from sallyport_common.errors import SallyportError


class LocalError(SallyportError):
    """A local run cannot go on; the text says what is wrong and what to do."""
