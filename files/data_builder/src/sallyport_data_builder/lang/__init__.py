"""The study language: what `from ehrql import ...` gives in the image."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder import __version__
from sallyport_data_builder.errors import DefinitionError as Error
from sallyport_data_builder.lang import absent
from sallyport_data_builder.lang.codelists import codelist_from_csv
from sallyport_data_builder.lang.datasets import Dataset, claim_permissions, create_dataset
from sallyport_data_builder.lang.dates import days, months, weeks, years
from sallyport_data_builder.lang.debug import debug, show
from sallyport_data_builder.lang.functions import (
    case,
    get_parameter,
    maximum_of,
    minimum_of,
    when,
)
from sallyport_data_builder.lang.inline import table_from_file, table_from_rows
from sallyport_data_builder.lang.measures import INTERVAL, Measures, create_measures

__all__ = [
    "INTERVAL", "Dataset", "Error", "Measures", "__version__", "case", "claim_permissions",
    "codelist_from_csv", "create_dataset", "create_measures", "days", "debug", "get_parameter",
    "maximum_of", "minimum_of", "months", "show", "table_from_file", "table_from_rows", "weeks",
    "when", "years",
]  # fmt: skip
absent.install(__all__)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return absent.refuse_name(name, __all__)
