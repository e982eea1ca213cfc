"""The fast canonical form is that of the library, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sallyport_records import canonical

LARGEST = 2**53 - 1
TEXTS = st.text() | st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(value=VALUES)
def test_any_value_has_the_form_of_the_library(value: Any) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": {"d": (), "c": [True, None]}},
        "".join(map(chr, range(128))),
        {"\ue000": 1, "\U0001f600": 2},  # by UTF-16 the second comes first
    ],
)
def test_where_encoders_differ(value: Any) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)
