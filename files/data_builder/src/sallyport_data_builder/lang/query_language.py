"""The names that studies import from `ehrql.query_language`."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.lang import (
    INTERVAL,
    Dataset,
    Error,
    Measures,
    absent,
    case,
    claim_permissions,
    codelist_from_csv,
    create_dataset,
    create_measures,
    days,
    get_parameter,
    maximum_of,
    minimum_of,
    months,
    show,
    weeks,
    when,
    years,
)
from sallyport_data_builder.lang.codes import BaseCode, BaseMultiCodeString
from sallyport_data_builder.lang.datasets import EventTable
from sallyport_data_builder.lang.dates import DateDifference, Duration
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.lang.functions import WhenThen
from sallyport_data_builder.lang.kinds import KINDS
from sallyport_data_builder.lang.series import BaseSeries
from sallyport_data_builder.lang.tables import (
    Constraint,
    EventFrame,
    PatientFrame,
    Series,
    get_tables_from_namespace,
    table,
    table_from_file,
    table_from_rows,
)

__all__ = [
    "INTERVAL", "BaseCode", "BaseFrame", "BaseMultiCodeString", "BaseSeries", "Constraint",
    "Dataset", "DateDifference", "Duration", "Error", "EventFrame", "EventTable", "Measures",
    "PatientFrame", "Series", "WhenThen", "case", "claim_permissions", "codelist_from_csv",
    "create_dataset", "create_measures", "days", "get_parameter", "get_tables_from_namespace",
    "maximum_of", "minimum_of", "months", "show", "table", "table_from_file", "table_from_rows",
    "weeks", "when", "years",
]  # fmt: skip
__path__: list[str] = []  # a module beneath this one is refused with a sentence, see absent


def __getattr__(name: str) -> Any:
    if name in KINDS:
        return KINDS[name]
    return absent.refuse_import(name, "query_language", [*__all__, *KINDS])
