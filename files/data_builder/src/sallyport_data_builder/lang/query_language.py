"""The names that older studies import from here."""

from sallyport_data_builder.lang import (
    Dataset,
    case,
    create_dataset,
    days,
    maximum_of,
    minimum_of,
    months,
    weeks,
    when,
    years,
)
from sallyport_data_builder.lang.tables import EventFrame, PatientFrame, Series, table

__all__ = [
    "Dataset", "EventFrame", "PatientFrame", "Series", "case", "create_dataset", "days",
    "maximum_of", "minimum_of", "months", "table", "weeks", "when", "years",
]  # fmt: skip
