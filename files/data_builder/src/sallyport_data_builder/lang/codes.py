"""Codes of coding systems, and the series that hold them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.errors import DefinitionError as CodelistError
from sallyport_data_builder.lang import absent
from sallyport_data_builder.lang.codelists import codelist_from_csv, codelist_from_csv_lines
from sallyport_data_builder.lang.constants import comma
from sallyport_data_builder.lang.series import BaseSeries, BoolSeries, logic, wrap_bool
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.schemas import types
from sallyport_data_builder.schemas.types import check_code, place_of

__all__ = [
    "BNFCode", "BaseCode", "BaseMultiCodeString", "CTV3Code", "CodelistError", "DMDCode",
    "ICD10Code", "ICD10MultiCodeString", "OPCS4Code", "OPCS4MultiCodeString", "SNOMEDCTCode",
    "codelist_from_csv", "codelist_from_csv_lines",
]  # fmt: skip
START_OF_CODE = re.compile(r"[A-Z][0-9X]{0,4}")  # of both systems that texts of many codes have


class BaseCode(str):
    """A code that knows its system."""

    system: str

    @property
    def value(self) -> str:
        """The code as plain text."""
        return str.__str__(self)

    def _to_primitive_type(self) -> str:
        """Return the code as plain text, as published studies ask for it."""
        return self.value

    @classmethod
    def _primitive_type(cls) -> type[str]:
        return str

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


class BaseMultiCodeString(str):
    """The type of columns that hold many codes in one text."""

    system: str

    @classmethod
    def is_valid(cls, value: str) -> bool:
        """Return whether a string may be looked for: a code, or the beginning of one."""
        return START_OF_CODE.fullmatch(value) is not None

    @classmethod
    def _primitive_type(cls) -> type[str]:
        return str


class ICD10MultiCodeString(BaseMultiCodeString):
    """The type of columns that hold many ICD-10 codes."""

    system = "icd10_multi"


class OPCS4MultiCodeString(BaseMultiCodeString):
    """The type of columns that hold many OPCS-4 codes."""

    system = "opcs4_multi"


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
            "This text holds many codes, so it never equals one: use contains(code) or "
            "contains_any_of(codes)."
        )

    def is_in(self, other: object) -> BoolSeries:
        """Refuse: no member of a set is a string of many codes."""
        return self._compare("eq", other)

    def contains(self, code: str) -> BoolSeries:
        """Return whether a code, or a prefix of one, is among the codes."""
        system = types.title(types.MULTI_CODES[self._node.type])
        if not isinstance(code, str) or START_OF_CODE.fullmatch(code) is None:
            raise DefinitionError(
                f"{code!r} is not a code of this column, nor the beginning of one{place_of(code)}: "
                f"it holds {system}s."
                f"{comma(code)}"
            )
        return wrap_bool(op.Contains(self._node, op.Literal("str", str(code))))

    def contains_any_of(self, codes: Collection[str]) -> BoolSeries:
        """Return whether any of several codes is among the codes."""
        if isinstance(codes, str) or not isinstance(codes, Collection):
            kind = type(codes).__name__
            raise DefinitionError(f"A list of codes or a codelist was expected, not {kind}.")
        parts = [op.Literal("bool", False), *(self.contains(code)._node for code in codes)]
        return wrap_bool(logic("or", parts))


__path__: list[str] = []  # a module beneath this one is refused with a sentence, see absent


def __getattr__(name: str) -> Any:
    return absent.refuse_import(name, "codes", __all__)
