"""Names of columns and rows: which promise counts, which another quantity, which a person."""

from __future__ import annotations

import enum
import re
import unicodedata
from functools import lru_cache


class Meaning(enum.Enum):
    """What the numbers under a name are."""

    COUNT = enum.auto()
    MIDPOINT = enum.auto()
    """Counts rounded to the midpoint of six, as the name says."""
    DERIVED = enum.auto()
    """Sums and differences of such counts: multiples of three."""
    QUANTITY = enum.auto()
    VALUE = enum.auto()
    """A column of a long table, whose rows say what each number is."""
    UNKNOWN = enum.auto()


def vocabulary(text: str) -> frozenset[str]:
    """Return the words of a string."""
    return frozenset(text.split())


_COUNTS = vocabulary(
    "n count counts cnt numerator denominator patients people persons freq frequency "
    "frequencies nobs subjects participants individuals"
)
_TOTALS = vocabulary(
    "num number nr total totals events cases deaths admissions observations obs population "
    "records rows visits appointments"
)
_VALUES = vocabulary("value values val result stat statistic estimate measurement")
_QUANTITIES = vocabulary(
    # times and ages
    "age ages year years yr month months week weeks day days hour hours minute minutes date time "
    "quarter period wave duration interval lag lead offset step horizon follow fu los "
    # orders, scales and codes
    "rank order position seq sequence index idx iteration fold seed version level grade stage "
    "score category cat class cluster band imd decile quintile quartile tertile percentile "
    "quantile bin code codes id ids dose doses model sex gender ethnicity region term df degrees "
    "power status flag cohort arm group "
    # statistics and measurements
    "mean average avg median mode sd se sem var variance std stdev min max minimum maximum range "
    "q1 q2 q3 p5 p10 p25 p50 p75 p90 p95 iqr lower upper ci lci uci lcl ucl low high coef "
    "coefficient beta hr or rr irr ratio rate rates pct percent percentage perc prop proportion "
    "share risk odds incidence prevalence p pvalue z t f chi2 aic bic loglik likelihood smd "
    "per cost costs price weight height bmi sbp dbp bp hba1c egfr length size width"
)
_SHARES = vocabulary(
    "mean median sd se ci rate rates pct percent percentage perc prop proportion ratio lower "
    "upper per share risk odds average avg"
)
_PERSONAL = re.compile(
    r"nhsno|nhsnum|chino|chinumber|^dob$|dateofbirth|birthdate|^birthday|postcode|surname|forename|"
    r"firstname|lastname|fullname|^patid|^pid$|emailaddress|telephone"
)
_WORD = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[,;|\t]")
_MERGE = r"(?:x|y|left|right|s|\d{1,3})?"
_LABEL_WORDS = _COUNTS | _TOTALS
LONGEST_LABEL = 60


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: at spaces, marks, and inner capitals."""
    plain = unicodedata.normalize("NFKC", name[:300])
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return tuple(_WORD.findall(spaced.lower()))


def compact(name: str) -> str:
    """Return a name without case, spaces and marks: `Patient_ID` and `PatientId` are the same."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return "".join(filter(str.isalnum, plain))


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning:
    """Return what the numbers under a name are."""
    parts = words(name)
    unique = set(parts)
    if "midpoint6" in compact(name) or "midpoint" in unique:
        derived = "derived" in unique
        return Meaning.DERIVED if derived else Meaning.MIDPOINT
    if unique & _COUNTS and not unique & _SHARES:
        return Meaning.COUNT
    # `age_18_39` and `imd_1` are the groups of a wide table; `age` and `imd_decile` are quantities.
    quantity = unique & _QUANTITIES and not any(part.isdecimal() for part in parts)
    if unique & _TOTALS and not quantity and not unique & _SHARES:
        return Meaning.COUNT
    if quantity:
        return Meaning.VALUE if unique & _VALUES else Meaning.QUANTITY
    return Meaning.VALUE if unique & _VALUES else Meaning.UNKNOWN


def label(cell: str) -> Meaning | None:
    """Return Meaning.COUNT for a row label that promises counts, and None for other text."""
    if len(cell) > LONGEST_LABEL or _LABEL_WORDS.isdisjoint(_WORD.findall(cell.lower())):
        return None
    sense = meaning(cell)
    return sense if sense in (Meaning.COUNT, Meaning.MIDPOINT) else None


class Forbidden:
    """The names that no table may have, in any case and spelling, also among several in a cell."""

    def __init__(self, forbidden: tuple[str, ...]) -> None:
        plain = sorted({compact(name) for name in forbidden} - {""})
        self._parts = plain
        self._exact = _any_of(plain, "", _MERGE)
        self._spelt = _any_of(plain, r"[\W_]*", "")

    def names(self, cell: str) -> bool:
        """Return whether a cell is such a name, or holds one between separators."""
        return any(self._exact.fullmatch(compact(part)) for part in _SEPARATORS.split(cell))

    def appears(self, cell: str) -> bool:
        """Return what `names` does, with a cheap test first."""
        return self._spelt.search(cell) is not None and self.names(cell)

    def mentions(self, name: str) -> bool:
        """Return whether such a name is part of a longer one that promises no counts."""
        named = any(part in compact(name) for part in self._parts)
        return named and meaning(name) is not Meaning.COUNT


def _any_of(plain: list[str], between: str, behind: str) -> re.Pattern[str]:
    spelt = (between.join(map(re.escape, name)) for name in plain)
    return re.compile(f"(?:{'|'.join(spelt)}){behind}" if plain else "(?!)", re.IGNORECASE)


def is_personal(name: str) -> bool:
    """Return whether a column's name looks like the data of one person."""
    parts = words(name)
    if parts and parts[-1] in {"id", "ids", "uuid"} and len(parts) > 1:
        return True
    return _PERSONAL.search(compact(name)) is not None
