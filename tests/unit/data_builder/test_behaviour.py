"""What a query means: every case of the behaviour suite, on every engine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.data_builder.cases.every import BY_NAME, CASES
from tests.unit.data_builder.cases.form import Answers
from tests.unit.data_builder.engines import Ask

ANSWERS = Answers(CASES)


def same(found: Any, expected: Any) -> bool:
    """Compare by type too; floats to the last digits that engines may differ in."""
    if type(found) is not type(expected):
        return False
    return bool(found == (pytest.approx(expected, rel=1e-9) if type(found) is float else expected))


@pytest.mark.parametrize("name", BY_NAME)
def test_case(
    name: str,
    engine: Ask,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    case, asked = BY_NAME[name], request.node.callspec.params["engine"]
    found = ANSWERS.about(case, engine, asked, tmp_path_factory.getbasetemp())
    assert len(found) == len(case.expected)
    pairs = list(zip(found, case.expected, strict=True))
    assert [pair for pair in pairs if not same(*pair)] == []
