"""Every construct of the language and the tests that prove it; the reference page shows them.

`python -m tests.unit.data_builder.cases.constructs` rewrites the tables of the page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from tests.unit.data_builder.cases.every import BY_NAME
from tests.unit.data_builder.cases.measuring import EVENTS, MEASURES
from tests.unit.data_builder.cases.mistakes import MISTAKES
from tests.unit.data_builder.cases.more_mistakes import MORE

PAGE = Path("docs/reference/query-language.md")
MEANINGS = tomllib.loads(
    files("sallyport_data_builder").joinpath("rules.toml").read_text(encoding="utf-8")
)["SEM"]
BEGIN, END = "<!-- begin {} -->", "<!-- end {} -->"
LISTS = {
    "test_case": BY_NAME,
    "test_measures": MEASURES,
    "test_event_tables": EVENTS,
    "test_a_mistake_is_told_with_its_line": MISTAKES | MORE,
}
# What a construct is, and the tests that prove it: a case's name, or a test by its function.
V1_FIRST: dict[str, tuple[str, ...]] = {
    "`create_dataset()`, `Dataset()`": ("SEM-21 a population of two tables",),
    "`define_population(bool)`": ("SEM-21 NULL is not in the population", "SEM-21 nobody"),
    "`dataset.name = series`, `add_column(name, series)`": ("column twice", "bad name"),
    "`where`, `except_where`": ("SEM-02 where", "SEM-02 except_where keeps NULL"),
    "`sort_by(...)` with `first_for_patient()`, `last_for_patient()`": (
        "SEM-10 first has NULL smallest",
        "SEM-10 a later sort outranks",
        "SEM-11 ties go by columns in order of name",
    ),
    "`exists_for_patient()`, `count_for_patient()`": (
        "SEM-07 exists",
        "SEM-07 count",
        "SEM-12 exists of a pick",
    ),
    "`== != < <= > >=`": (
        "SEM-01 equal ints",
        "SEM-01 compare floats",
        "SEM-01 equal dates",
        "SEM-13 case matters",
        "a code equal to text",
    ),
    "`& | ~`": ("SEM-01 and", "SEM-01 or", "SEM-01 not"),
    "`is_null()`, `is_not_null()`": ("is_null", "is_not_null"),
    "`is_in`, `is_not_in` of a list or a codelist": (
        "SEM-03 is_in of ints",
        "SEM-03 is_not_in of texts",
        "SEM-03 is_in of a codelist of categories",
        "SEM-03 is_in of no codes",
    ),
    "`case(when(...).then(...), otherwise=...)`": (
        "SEM-04 case first true wins",
        "SEM-04 case without otherwise",
        "SEM-04 NULL does not match",
    ),
    "`is_before`, `is_on_or_before`, `is_after`, `is_on_or_after`": (
        "is_before",
        "is_on_or_before",
        "is_after",
        "is_on_or_after",
    ),
    "`is_on_or_between`, `is_between_but_not_on`, `is_during`": (
        "SEM-19 is_on_or_between",
        "SEM-19 is_between_but_not_on",
        "SEM-19 is_during",
    ),
    "`date ± days, weeks, months, years`": (
        "SEM-17 add a day",
        "SEM-17 add a week",
        "SEM-17 add a month",
        "SEM-17 add a year",
        "SEM-17 months of a series",
    ),
    "`(date - date).days .weeks .months .years`": (
        "SEM-18 days",
        "SEM-18 weeks",
        "SEM-18 months",
        "SEM-18 years",
    ),
    "`year`, `month`, `day`": ("year", "month", "day"),
    "`to_first_of_month()`, `to_first_of_year()`": ("to_first_of_month", "to_first_of_year"),
    "`age_on`, `is_alive_on`, `is_dead_on`": (
        "age_on",
        "is_alive_on the day of death",
        "is_dead_on the day of death",
    ),
    "`spanning`, `for_patient_on`, `exists_for_patient_on`": (
        "spanning",
        "for_patient_on is the last to start, then to end",
        "exists_for_patient_on",
    ),
    "`cause_of_death_is_in`": ("cause_of_death_is_in any place",),
    "`codelist_from_csv`, with `category_column`": ("test_codelist_remembers_file_and_row",),
    "`from ehrql import ...`": ("test_ehrql_serves_the_same_objects",),
    "every table and column of every schema": (
        "test_every_table_and_column_is_imported_and_queried",
    ),
}
V1_THEN: dict[str, tuple[str, ...]] = {
    "`minimum_for_patient()`, `maximum_for_patient()`": (
        "SEM-07 minimum of ints",
        "SEM-07 maximum of dates",
        "SEM-13 minimum of texts",
    ),
    "`sum_for_patient()`, `mean_for_patient()`": (
        "SEM-08 sum of ints",
        "SEM-08 mean of floats",
    ),
    "`count_distinct_for_patient()`": ("SEM-08 count distinct of texts",),
    "`count_episodes_for_patient(gap)`": (
        "SEM-09 episodes of one gap",
        "SEM-09 a gap equal to the largest",
    ),
    "`is_in(series)`": (
        "SEM-03 a value in a series",
        "SEM-03 events not in a series",
        "SEM-03 NULL in a series with values",
    ),
    "`minimum_of`, `maximum_of`": ("SEM-06 minimum_of ints", "SEM-06 maximum_of dates"),
    "`when_null_then`": ("SEM-05 when_null_then of a series",),
    "`map_values`, `to_category`": (
        "SEM-04 map_values of texts",
        "SEM-04 to_category with a default",
    ),
    "`+ - * / // **`, unary `-`, `absolute()`": (
        "SEM-01 add ints",
        "SEM-14 divide floats",
        "SEM-14 floor divide ints",
        "SEM-15 power of floats",
        "negate ints",
        "absolute floats",
    ),
    "`as_int()`, `as_float()`": ("SEM-16 as_int of floats", "SEM-16 as_float of ints"),
    "`contains` of text": ("SEM-13 contains a series", "SEM-13 a percent sign is ordinary"),
    "multi-code strings: `contains`, `contains_any_of`": (
        "a multi-code string contains a prefix",
        "contains_any_of",
        "multi-code equality",
    ),
    "`starting_on`, `ending_on`": ("test_sem_20_intervals_count_from_the_start",),
    "`create_measures()`, `define_measure`, `define_defaults`": (
        "exists during the interval",
        "two measures with groups of their own",
    ),
    "`INTERVAL`": ("a denominator of the interval", "a moved interval"),
    "`configure_disclosure_control`": ("test_disclosure_control_hides_small_numbers",),
    "`configure_dummy_data`": ("test_plan_04_inputs_are_named_with_digest_and_columns",),
    "`get_parameter`": ("test_parameters_come_after_two_dashes",),
    "`table_from_rows`": (
        "FMT-10 an int of a written table",
        "test_sem_22_a_patient_twice_is_an_error",
    ),
    "`table_from_file`": ("test_fmt_10_both_forms_of_the_call",),
    "`table`, `EventFrame`, `PatientFrame`, `Series`, `Constraint`": (
        "test_a_study_declares_a_table_of_its_own",
    ),
    "`claim_permissions`": ("test_permissions_are_claimed_by_name",),
    "`show`, `debug` outside `data-builder debug`": (
        "test_show_and_debug_do_nothing",
        "test_outside_debug_a_show_changes_no_plan",
    ),
    "classes of `ehrql.codes`": ("a code equal to a code", "two coding systems"),
    "`imd_quintile`, `imd_decile`": ("tpp: imd_quintile", "tpp: imd_decile"),
}
V2: dict[str, tuple[str, ...]] = {
    "`add_event_table`": ("rows of a table", "a computation and a patient's value"),
    "`show(*values, label=, head=, tail=)` under `data-builder debug`": (
        "test_what_is_shown",
        "test_head_and_tail_leave_out_what_is_between",
        "test_what_was_shown_before_a_mistake_is_printed",
    ),
}
LEVELS = {"v1, first": V1_FIRST, "v1, then": V1_THEN, "v2": V2}
RULES = {
    "SEM-20": ("test_sem_20_intervals_count_from_the_start",),
    "SEM-22": ("test_sem_22_a_patient_twice_is_an_error",),
}

TWELVE = (
    "and",
    "no parentheses",
    "int with float",
    "two coding systems",
    "DOM-02 two event tables",
    "DOM-05 event series",
    "DOM-04 no sort",
    "when without then",
    "date form",
    "code of a file",
    "unknown column",
    "DOM-06 population of a NULL",
)


def found(name: str) -> str:
    """Return the whole id of a test that is named by its case or its function."""
    for function, listed in LISTS.items():
        if name in listed:
            return f"{function}[{name}]"
    return name


def constructs() -> Iterator[str]:
    """Yield the table of constructs."""
    yield "| level | construct | tests |"
    yield "|---|---|---|"
    for level, listed in LEVELS.items():
        for construct, names in listed.items():
            told = "<br>".join(f"`{found(name)}`" for name in names).replace("|", "\\|")
            yield f"| {level} | {construct.replace('|', chr(92) + '|')} | {told} |"


def rules() -> Iterator[str]:
    """Yield the table of rules, each with the first of its cases."""
    yield "| rule | meaning | tests, for example |"
    yield "|---|---|---|"
    for rule, text in MEANINGS.items():
        if rule == "title":
            continue
        names = RULES.get(rule) or [name for name in BY_NAME if name.startswith(rule)][:2]
        told = text.replace("|", "\\|")
        yield f"| {rule} | {told} | {'<br>'.join(f'`{found(name)}`' for name in names)} |"


def mistakes() -> Iterator[str]:
    """Yield the table of twelve mistakes and what is said of each."""
    yield "| in the study | what is said |"
    yield "|---|---|"
    for name in TWELVE:
        line, message = MISTAKES[name]
        told = message.replace("|", "\\|").replace("<", "&lt;")
        yield f"| `{line.replace('|', chr(92) + '|')}` | {told} |"


TABLES = {"constructs": constructs, "rules": rules, "mistakes": mistakes}


def rendered(text: str) -> str:
    """Return the page with its tables as they are now."""
    for name, table in TABLES.items():
        begin, end = BEGIN.format(name), END.format(name)
        head, _begin, rest = text.partition(begin)
        _old, _end, tail = rest.partition(end)
        text = "\n".join([head + begin, *table(), end + tail])
    return text


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
