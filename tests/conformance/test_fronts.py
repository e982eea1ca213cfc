"""Both fronts of the runner behave as the documentation's table says."""

from __future__ import annotations

import pytest
from tests.conformance import fronts
from tests.conformance.joined import Classic, Tasks

COLUMNS = (Classic.name, Tasks.name)


def documented(kind: str) -> dict[str, str]:
    """Return what the page says about a front, by behaviour."""
    lines = fronts.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")][1:]
    return {name.strip(): cells[COLUMNS.index(kind)].strip() for name, *cells in rows}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_front_does_what_the_page_says(kind: str) -> None:
    assert dict(fronts.seen(kind)) == documented(kind)
