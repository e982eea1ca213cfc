"""Privacy levels of outputs, and the file types that output checkers may be shown."""

from __future__ import annotations

import enum


class PrivacyLevel(enum.StrEnum):
    """How sensitive an output is; only MODERATE reaches the medium-privacy tree."""

    HIGH = "highly_sensitive"
    MODERATE = "moderately_sensitive"
    MINIMAL = "minimally_sensitive"


LEVEL4_FILE_TYPES = (
    ".csv", ".jpg", ".jpeg", ".png", ".svg", ".svgz", ".html", ".txt", ".log", ".json", ".md",
)  # fmt: skip
"""Extensions that a moderately sensitive output may have."""
