"""Codes of coding systems, and codelists from files."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang.series import BaseSeries, BoolSeries, wrap_bool
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.schemas import types
from sallyport_data_builder.schemas.types import check_code, place_of

START_OF_CODE = re.compile(r"[A-Z][0-9X]{0,4}")  # of both systems that texts of many codes have


class BaseCode(str):
    """A code that knows its system."""

    system: str

    def __new__(cls, value: str) -> BaseCode:
        check_code(cls.system, str(value))
        return super().__new__(cls, value)


class SNOMEDCTCode(BaseCode):
    """A SNOMED CT code."""

    system = "snomedct"


class DMDCode(BaseCode):
    """A dm+d code."""

    system = "dmd"


class ICD10Code(BaseCode):
    """An ICD-10 code, without its dot."""

    system = "icd10"


class CTV3Code(BaseCode):
    """A CTV3 code."""

    system = "ctv3"


class OPCS4Code(BaseCode):
    """An OPCS-4 code, without its dot."""

    system = "opcs4"


class BNFCode(BaseCode):
    """A BNF code."""

    system = "bnf"


class ICD10MultiCodeString(str):
    """The type of columns that hold many ICD-10 codes."""

    system = "icd10_multi"


class OPCS4MultiCodeString(str):
    """The type of columns that hold many OPCS-4 codes."""

    system = "opcs4_multi"


class ListedCode(str):
    """A code that remembers its place in a codelist, for errors."""

    origin: str

    def __new__(cls, value: str, origin: str) -> ListedCode:
        made = super().__new__(cls, value)
        made.origin = origin
        return made


class CodeSeries(BaseSeries):
    """Codes of one coding system."""

    _kinds = tuple(types.CODES)

    def to_category(self, categorisation: Mapping[Any, Any], default: object = None) -> Any:
        """Replace each code by its category."""
        return self.map_values(categorisation, default)


class MultiCodeSeries(BaseSeries):
    """Text that holds many codes."""

    _kinds = tuple(types.MULTI_CODES)

    def _compare(self, _operation: str, _other: object) -> BoolSeries:
        raise DefinitionError(
            "This text holds many codes, so it is equal to none: use contains(code) or "
            "contains_any_of(codes)."
        )

    def is_in(self, other: object) -> BoolSeries:
        """Refuse: no member of a set is a text of many codes."""
        return self._compare("eq", other)

    def contains(self, code: str) -> BoolSeries:
        """Tell whether a code, or a prefix of one, is among the codes."""
        system = types.title(types.MULTI_CODES[self._node.type])
        if not isinstance(code, str) or START_OF_CODE.fullmatch(code) is None:
            raise DefinitionError(
                f"{str(code)!r} is no {system} and no start of one{place_of(code)}."
            )
        return wrap_bool(op.Contains(self._node, op.Literal("str", str(code))))

    def contains_any_of(self, codes: Collection[str]) -> BoolSeries:
        """Tell whether any of several codes is among the codes."""
        if isinstance(codes, str) or not isinstance(codes, Collection):
            given = type(codes).__name__
            raise DefinitionError(f"A list of codes or a codelist was expected, not {given}.")
        found = wrap_bool(op.Literal("bool", False))
        for code in codes:
            found = found | self.contains(code)
        return found


def codelist_from_csv_lines(
    lines: Iterable[str], column: str, category_column: str | None = None, name: str = "codelist"
) -> Any:
    """Return the codes of a CSV, or code to category; empty cells and spaces are dropped."""
    reader = csv.DictReader(lines)
    there = reader.fieldnames or []
    for wanted in filter(None, (column, category_column)):
        if wanted not in there:
            columns = ", ".join(there)
            raise DefinitionError(f"{name} has no column {wanted}; its columns are {columns}.")
    found: dict[ListedCode, str] = {}
    for number, row in enumerate(reader, start=2):
        code = (row[column] or "").strip()
        if code:
            category = (row[category_column] or "").strip() if category_column else ""
            found.setdefault(ListedCode(code, f"{name}, row {number}"), category)
    if not found:
        sys.stderr.write(f"warning: {name} has no codes in column {column}\n")
    return found if category_column else list(found)


def codelist_from_csv(
    filename: str | Path, *, column: str, category_column: str | None = None
) -> Any:
    """Read a codelist from a CSV file of the study."""
    path = Path(filename)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return codelist_from_csv_lines(stream, column, category_column, str(filename))
    except FileNotFoundError:
        advice = " Use forward slashes in paths." if "\\" in str(filename) else ""
        raise DefinitionError(f"There is no codelist file {filename}.{advice}") from None
