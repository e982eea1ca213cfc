"""How long statements get in chains of operations, some of which a database has to emulate.

An emulation may write an operand several times. Here every operation is applied sixty times in a
row, on every dialect.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from tests.unit.data_builder.growth import grown

from sallyport_data_builder.lang import (
    case,
    create_dataset,
    days,
    months,
    when,
    years,
)
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.sql.connectors import CONNECTORS

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("deep")]

LARGEST = 70_000
patients, events = core.patients, core.clinical_events
NUMBER, MEAN = events.count_for_patient(), events.numeric_value.mean_for_patient()
DAY, TRUTH = events.date.maximum_for_patient(), patients.exists_for_patient()
Chain = tuple[Any, Callable[[Any, int], Any]]

# Where a chain begins, and how it goes on.
CHAINS: dict[str, Chain] = {
    "add": (NUMBER, lambda x, n: x + n),
    "divide": (MEAN, lambda x, n: x / (n + 2.0)),
    "floor divide ints": (NUMBER, lambda x, n: x // (n + 2)),
    "floor divide by the chain": (NUMBER, lambda x, n: (n + 2) // x),
    "floor divide floats": (MEAN, lambda x, n: (x // (n + 2.0)).as_float()),
    "power": (MEAN, lambda x, n: x ** (n % 3 - 1.0)),
    "power of the chain": (MEAN, lambda x, _n: 2.0**x),
    "negate and absolute": (NUMBER, lambda x, _n: (-x).absolute()),
    "add days": (DAY, lambda x, n: x + days(n)),
    "add months": (DAY, lambda x, n: x + months(n + 1)),
    "add years": (DAY, lambda x, n: x + years(n % 2 + 1)),
    "months of the chain": (NUMBER, lambda x, _n: (DAY + months(x) - DAY).months),
    "years of the chain": (NUMBER, lambda x, _n: (DAY + days(x) - DAY).years),
    "days between": (NUMBER, lambda x, _n: (DAY + days(x) - DAY).days),
    "first of the month": (DAY, lambda x, _n: (x + days(40)).to_first_of_month()),
    "first of the year": (DAY, lambda x, _n: (x + days(400)).to_first_of_year()),
    "part of a date": (NUMBER, lambda x, _n: (DAY + days(x)).month),
    "case of the chain": (NUMBER, lambda x, n: case(when(x > n).then(x), otherwise=n)),
    "case of another": (NUMBER, lambda x, n: case(when(TRUTH).then(x + n), otherwise=x)),
    "when NULL then": (NUMBER, lambda x, n: (x + 1).when_null_then(n)),
    "compare truth": (TRUTH, lambda x, n: x == (n < NUMBER)),
    "compare truth not": (TRUTH, lambda x, n: x != (n < NUMBER)),
    "logic": (TRUTH, lambda x, n: ~(x & (n < NUMBER))),
    "is NULL": (TRUTH, lambda x, _n: x.is_null()),
    "truth as int": (NUMBER, lambda x, n: (x > n).as_int()),
    "float as int": (MEAN, lambda x, _n: (x * 1.5).as_int().as_float()),
    "in a list": (TRUTH, lambda x, n: x.as_int().is_in([1, 2 + n])),
}


def chained(name: str, count: int) -> Any:
    """Return an operation that is applied some times in a row."""
    first, step = CHAINS[name]
    return reduce(step, range(count), first)


def columns(series: Any) -> Any:
    """Return a dataset of one column."""
    dataset = create_dataset()
    dataset.define_population(patients.exists_for_patient())
    dataset.value = series
    return dataset


@pytest.mark.parametrize("scheme", CONNECTORS)
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_an_operation_grows_in_proportion(name: str, scheme: str) -> None:
    half, whole = grown(lambda count: columns(chained(name, count)), scheme)
    assert half < whole < min(2.5 * half, LARGEST)
