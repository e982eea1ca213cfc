"""Privacy levels of outputs."""

from __future__ import annotations

import enum


class PrivacyLevel(enum.StrEnum):
    """How sensitive an output is; only MODERATE reaches the medium-privacy tree."""

    HIGH = "highly_sensitive"
    MODERATE = "moderately_sensitive"
    MINIMAL = "minimally_sensitive"
