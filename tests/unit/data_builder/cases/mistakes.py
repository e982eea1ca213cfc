"""Mistakes of a study's author: the line that makes one, and the whole of what is said of it."""

HEAD = """\
from ehrql import *
from ehrql.codes import *
from ehrql.tables.core import *

events, dataset = clinical_events, create_dataset()
"""
TRUTH = (
    "single truth value, which and, or, not, if and chained comparisons need. Use & "
    "for and, | for or, ~ for not, with parentheses around each side; write two "
    "comparisons, (x > 1) & (x < 3), for 1 < x < 3; use case(when(...).then(...)) "
    "instead of if."
)
REDUCE = (
    "Reduce one of them to one value per patient first, for example with "
    "sort_by(...).first_for_patient(), exists_for_patient() or count_for_patient()."
)
FORM = "Write case(when(condition).then(value), ..., otherwise=value)."
MISTAKES: dict[str, tuple[str, str]] = {
    "and": ("patients.sex.is_null() and patients.sex", "A bool series has no " + TRUTH),
    "or": ("patients.sex.is_null() or patients.sex", "A bool series has no " + TRUTH),
    "not": ("not patients.sex.is_null()", "A bool series has no " + TRUTH),
    "if": ("1 if patients.date_of_birth else 2", "A date series has no " + TRUTH),
    "chained comparison": ("1 < events.numeric_value < 3", "A bool series has no " + TRUTH),
    "no parentheses": (
        'patients.sex == "male" | patients.sex == "female"',
        "& and | combine true-or-false series; <str series, one value per patient> and "
        "str were given. Both sides need parentheses: (a == b) | (c == d).",
    ),
    "no parentheses, numbers": (
        "events.count_for_patient() == 1 | events.count_for_patient() == 2",
        "& and | combine true-or-false series; <int series, one value per patient> and "
        "int were given. Both sides need parentheses: (a == b) | (c == d).",
    ),
    "int with float": (
        "events.numeric_value > events.count_for_patient()",
        "A comparison needs values of one type, these are float and int. Convert one "
        "with as_float() or as_int().",
    ),
    "code with text": (
        "events.snomedct_code == patients.sex",
        "A comparison needs values of one type, these are SNOMED CT code and str. "
        "Compare the column with a SNOMED CT code, written as text, or with a codelist.",
    ),
    "two coding systems": (
        'events.snomedct_code == ICD10Code("I219")',
        "A comparison needs values of one type, these are SNOMED CT code and ICD-10 "
        "code. There is no conversion between coding systems: use codes of the "
        "column's own.",
    ),
    "two coding systems in a list": (
        'events.snomedct_code.is_in([ICD10Code("I219")])',
        "is_in needs values of one type, these are SNOMED CT code and ICD-10 code. "
        "There is no conversion between coding systems: use codes of the column's own.",
    ),
    "DOM-02 two event tables": (
        "events.date > medications.date",
        "These series come from the rows of clinical_events and of medications. " + REDUCE,
    ),
    "DOM-02 two filters of a table": (
        "events.date > events.where(events.numeric_value > 1).date",
        "These series come from different filters of clinical_events. " + REDUCE,
    ),
    "column twice": (
        "dataset.a = patients.sex; dataset.a = patients.sex",
        "The column a was assigned before; choose another name.",
    ),
    "bad name": (
        'dataset.add_column("1st", patients.sex)',
        "A column cannot be called '1st': a name is a letter, then letters, digits and "
        "underscores.",
    ),
    "patient_id": (
        "dataset.patient_id = patients.sex",
        "A column cannot be called patient_id: it is there without being asked for.",
    ),
    "population": (
        "dataset.population = patients.sex",
        "A column cannot be called population: call define_population(...) to say who "
        "is in the dataset.",
    ),
    "dummy_data_config": (
        "dataset.dummy_data_config = patients.sex",
        "A column cannot be called dummy_data_config: call configure_dummy_data(...) "
        "to say how dummy data is made.",
    ),
    "DOM-05 event series": (
        "dataset.a = events.date",
        "a has many values per patient. Reduce it to one, by "
        "count_distinct_for_patient, minimum_for_patient, maximum_for_patient, "
        "sum_for_patient, mean_for_patient, or by sort_by(...).first_for_patient() of "
        "the frame.",
    ),
    "DOM-04 no sort": (
        "events.first_for_patient()",
        "first_for_patient needs an order: add sort_by(...) first.",
    ),
    "when without then": (
        'case(when(patients.sex == "male"))',
        "A when(...) has no then(...). " + FORM,
    ),
    "otherwise inside case": (
        'case(when(patients.sex == "male").then(1).otherwise(2))',
        "case takes when(...).then(...) only. " + FORM,
    ),
    "date form": (
        'events.date > "2020-1-1"',
        "'2020-1-1' is not a date: write a day that exists in the form YYYY-MM-DD.",
    ),
    "no date": (
        'events.date > "2021-02-29"',
        "'2021-02-29' is not a date: write a day that exists in the form YYYY-MM-DD.",
    ),
    "code form": (
        'events.snomedct_code == "I219"',
        "'I219' is not a SNOMED CT code: that is 6 to 18 digits without a leading zero.",
    ),
    "code of a file": (
        'events.snomedct_code.is_in(codelist_from_csv("list.csv", column="code"))',
        "'wrong' is not a SNOMED CT code (list.csv, row 3): that is 6 to 18 digits "
        "without a leading zero.",
    ),
    "no codelist": (
        'codelist_from_csv("lists\\\\list.csv", column="code")',
        "There is no codelist file lists\\list.csv. Use forward slashes in paths.",
    ),
    "no column": (
        'codelist_from_csv("list.csv", column="codes")',
        "list.csv has no column codes; its columns are code, group.",
    ),
    "unknown column": (
        "events.snomed_code",
        "There is no column or method snomed_code. Did you mean snomedct_code?",
    ),
    "unknown method": ("events.date.yaer", "A date series has no yaer. Did you mean year?"),
    "unknown function": (
        "from ehrql import create_datasett",
        "There is no create_datasett in this data builder. Did you mean create_dataset "
        "or create_measures?",
    ),
    "unknown table": (
        "from ehrql.tables.core import clinical_event",
        "The schema core has no table clinical_event. Did you mean clinical_events?",
    ),
    "unknown schema": (
        "from ehrql.tables.tpq import patients",
        "There is no tables.tpq in this data builder. Did you mean tpp?",
    ),
    "DOM-06 population of everybody": (
        "dataset.define_population(~patients.exists_for_patient())",
        "The population is true for patients who are in no table; add a condition such "
        "as & patients.exists_for_patient().",
    ),
    "DOM-06 population of a NULL": (
        "dataset.define_population(patients.date_of_death.is_null())",
        "The population is true for patients who are in no table; add a condition such "
        "as & patients.exists_for_patient().",
    ),
    "population of numbers": (
        'dataset.define_population(patients.age_on("2020-01-01"))',
        "A population must be a true-or-false series with one value per patient, for "
        "example patients.exists_for_patient(); <int series, one value per patient> "
        "was given.",
    ),
    "population twice": (
        "dataset.define_population(patients.exists_for_patient()); "
        "dataset.define_population(patients.exists_for_patient())",
        "define_population was called before; combine the conditions.",
    ),
    "constant column": (
        "dataset.a = 1",
        "a must be a series with one value per patient; int was given.",
    ),
    "whole frame": (
        "dataset.a = patients",
        "a is a whole frame; choose one of its columns: date_of_birth, sex, date_of_death.",
    ),
    "difference as a column": (
        'dataset.a = "2020-01-01" - patients.date_of_birth',
        "a must be a series with one value per patient; a difference of dates was "
        "given. Ask it for a number: (end - start).days, .weeks, .months or .years.",
    ),
    "difference compared": (
        '("2020-01-01" - patients.date_of_birth) > 3',
        "A difference of dates is not a number. Ask it for a number: (end - start).days, "
        ".weeks, .months or .years.",
    ),
    "unit of a difference": (
        '("2020-01-01" - patients.date_of_birth).hours',
        "A difference of dates has no hours. Ask it for a number: (end - start).days, "
        ".weeks, .months or .years.",
    ),
    "None": (
        "patients.sex == None",
        "None cannot be compared: use is_null() or is_not_null().",
    ),
    "a number for text": (
        "patients.sex == 1",
        "A comparison needs values of one type, these are str and int. Use str for all of them.",
    ),
    "text for numbers": (
        'events.numeric_value + "1"',
        "Arithmetic does not work on str. It works on int and float.",
    ),
    "adding text": ('patients.sex + "x"', "+ does not work on str."),
    "adding a number to a date": (
        "events.date + 7",
        "+ does not work on date. A duration can be added or taken away, for example "
        "date + days(7).",
    ),
    "adding bools": (
        "patients.sex.is_null() + 1",
        "+ does not work on bool. Convert it with as_int() first.",
    ),
    "order of codes": (
        'events.snomedct_code > "195967001"',
        "Order (< <= > >=) does not work on SNOMED CT code.",
    ),
    "sum of dates": (
        "events.date.sum_for_patient()",
        "A date series has no sum_for_patient. Did you mean minimum_for_patient or "
        "maximum_for_patient or count_episodes_for_patient?",
    ),
    "DOM-04 aggregate of one value": (
        "patients.date_of_birth.minimum_for_patient()",
        "minimum_for_patient needs a series with many values per patient; this one has one.",
    ),
    "where on one row": (
        'patients.where(patients.sex == "male")',
        "where works on many rows per patient, and this frame has one. For a condition "
        "use case(when(...).then(...)).",
    ),
    "condition of dates": (
        "events.where(events.date)",
        "A condition must be a true-or-false series, <date series, many per patient> was given.",
    ),
    "DOM-03 condition of other rows": (
        'events.where(medications.date > "2020-01-01")',
        "The condition must use the rows of the frame itself. These series come from "
        "the rows of clinical_events and of medications. " + REDUCE,
    ),
    "sort by a name": (
        'events.sort_by("date")',
        "sort_by needs columns, for example sort_by(events.date); str was given.",
    ),
    "sort by bool": (
        "events.sort_by(events.date.is_null())",
        "bool cannot be sorted on. Use as_int() of it.",
    ),
    "text in is_in": (
        'patients.sex.is_in("male")',
        "is_in needs a list, a codelist or a series with many values, not str.",
    ),
    "DOM-04 is_in one value": (
        "patients.sex.is_in(patients.sex)",
        "is_in needs a series with many values per patient; this one has one.",
    ),
    "types in is_in": (
        'events.numeric_value.is_in(["a"])',
        "is_in needs values of one type, these are float and str. Use float for all of them.",
    ),
    "two units": (
        "days(1) + months(1)",
        "Durations of one unit can be added, these are days and months. Add them to a "
        "date one after the other.",
    ),
    "half a month": (
        "months(0.5)",
        "months needs a whole number or an int series; float was given.",
    ),
    "a date from a duration": (
        "days(1) - events.date",
        "A date cannot be taken from a duration; write date - duration.",
    ),
    "episodes by month": (
        "events.date.count_episodes_for_patient(months(1))",
        "maximum_gap must be days(...) or weeks(...) of a whole number, because months "
        "and years differ in length.",
    ),
    "empty mapping": (
        "patients.sex.map_values({})",
        'A mapping with values is needed, for example {"old": "new"}.',
    ),
    "mapping of two types": (
        'patients.sex.map_values({"male": 1, "female": "f"})',
        "case needs values of one type, these are int and str. Use int for all of them.",
    ),
    "cases of two types": (
        'case(when(patients.sex == "male").then(1), otherwise="x")',
        "case needs values of one type, these are int and str. Use int for all of them.",
    ),
    "when of text": (
        "when(patients.sex)",
        "when needs a true-or-false series, not <str series, one value per patient>. " + FORM,
    ),
    "multi-code equality": (
        'from ehrql.tables.tpp import apcs; apcs.all_diagnoses == "I219"',
        "This text holds many codes, so it never equals one: use contains(code) or "
        "contains_any_of(codes).",
    ),
    "multi-code membership": (
        'from ehrql.tables.tpp import apcs; apcs.all_diagnoses.is_in(["I219"])',
        "This text holds many codes, so it never equals one: use contains(code) or "
        "contains_any_of(codes).",
    ),
    "part of no code": (
        'from ehrql.tables.tpp import apcs; apcs.all_diagnoses.contains("I21.9")',
        "'I21.9' is not a code of this column, nor the beginning of one: it holds ICD-10 codes.",
    ),
    "code of a list": (
        'events.snomedct_code.is_in(["195967001", "I219"])',
        "'I219' is not a SNOMED CT code: that is 6 to 18 digits without a leading zero.",
    ),
    "unknown column of the dataset": ("dataset.ages", "The dataset has no column ages."),
}
