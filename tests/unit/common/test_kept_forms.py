"""A sealed form is read by its author only, and for a limited time."""

from __future__ import annotations

import pytest

from sallyport_common.kept_forms import KeptForm, Seal

TEXT = "Round the second table.\nThen <b>send</b> it again."
FIELDS = [("comment", TEXT), ("file", "a.csv"), ("file", "b.csv")]


def test_a_form_is_read_as_it_was() -> None:
    seal = Seal("k" * 40, 60)
    sealed = seal.seal("cy", "/requests/x/votes", FIELDS)
    assert "Round" not in sealed
    assert seal.unseal(sealed, "cy") == KeptForm("/requests/x/votes", FIELDS)


@pytest.mark.parametrize(
    ("key", "lifetime", "user", "end"),
    [
        ("k" * 40, 60, "di", ""),
        ("k" * 40, 60, "", ""),
        ("k" * 40, 60, "cy", "AAAA"),
        ("j" * 40, 60, "cy", ""),
        ("k" * 40, -1, "cy", ""),
    ],
)
def test_nobody_else_reads_it(key: str, lifetime: int, user: str, end: str) -> None:
    sealed = Seal("k" * 40, 60).seal("cy", "/requests/x/votes", FIELDS)
    assert Seal("k" * 40, 60).unseal(sealed, "cy")
    assert Seal(key, lifetime).unseal(sealed[: len(sealed) - len(end)] + end, user) is None
