"""More mistakes: in measures, event tables, tables of the study, dummy data and constants."""

from __future__ import annotations

from tests.unit.data_builder.cases.mistakes import FORM, REDUCE

MORE: dict[str, tuple[str, str]] = {
    "parameter": ('get_parameter("year")', "The parameter year is missing: add -- --year VALUE."),
    "parameter of another type": (
        'get_parameter("size", type=int)',
        "The parameter size must be of type int, not 'many'.",
    ),
    "a name that is not here": (
        "from ehrql import Parameters",
        "There is no Parameters in this data builder. Use get_parameter(...).",
    ),
    "a module that is not here": (
        "from ehrql.tables.beta.tpp import patients",
        "There is no tables.beta in this data builder. Its tables are in ehrql.tables "
        "without beta: write ehrql.tables.tpp.",
    ),
    "own table of no type": (
        "from ehrql.tables import Series; Series(list)",
        "list is not a type of a column. Use bool, int, float, str, date, or a class of "
        "ehrql.codes.",
    ),
    "dummy data size": (
        "dataset.configure_dummy_data(population_size=-1)",
        "population_size must be a whole number of at least 0, not -1.",
    ),
    "rows of a table": (
        'table_from_rows([(1,)], columns={"a": int})',
        "A row must have the values patient_id, a; (1,) was given.",
    ),
    "file of a table": (
        'table_from_file("/etc/passwd.csv", columns={"a": int})',
        "A data file lies in the study's folder; '/etc/passwd.csv' does not.",
    ),
    "measure without denominator": (
        'create_measures().define_measure("m", patients.exists_for_patient())',
        "The measure m has no denominator: give it here, or before in define_defaults(...).",
    ),
    "measure of floats": (
        'create_measures().define_measure("m", '
        "events.numeric_value.mean_for_patient(), patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01"))',
        "The numerator of m is a float; measures count in whole numbers: use as_int().",
    ),
    "intervals of a duration": (
        'create_measures().define_measure("m", patients.exists_for_patient(), '
        "patients.exists_for_patient(), intervals=months(12))",
        "A duration alone is not a list of intervals. Intervals are pairs of start and "
        'end, for example months(12).starting_on("2023-01-01").',
    ),
    "interval backwards": (
        'create_measures().define_measure("m", patients.exists_for_patient(), '
        'patients.exists_for_patient(), intervals=[("2020-02-01", "2020-01-01")])',
        "The interval from 2020-02-01 to 2020-01-01 ends before it starts.",
    ),
    "DOM-06 denominator of everybody": (
        'create_measures().define_measure("m", patients.exists_for_patient(), '
        "patients.date_of_death.is_null(), "
        'intervals=years(1).starting_on("2020-01-01"))',
        "The denominator of m is true for patients who are in no table; add a "
        "condition such as & patients.exists_for_patient().",
    ),
    "name of a measure": (
        'create_measures().define_measure("m 1", patients.exists_for_patient(), '
        'patients.exists_for_patient(), intervals=years(1).starting_on("2020-01-01"))',
        "A measure cannot be called 'm 1': a name is a letter, then letters, digits "
        "and underscores.",
    ),
    "name of a group": (
        'create_measures().define_measure("m", patients.exists_for_patient(), '
        'patients.exists_for_patient(), {"ratio": patients.sex}, '
        'years(1).starting_on("2020-01-01"))',
        "A group cannot be called ratio: that name is taken.",
    ),
    "DOM-02 event table of two tables": (
        'dataset.add_event_table("e", date=events.date, other=medications.date)',
        "These series come from the rows of clinical_events and of medications. " + REDUCE,
    ),
    "DOM-05 event table of constants": (
        'dataset.add_event_table("e", date=patients.sex)._rows()',
        "An event table needs columns with many values per patient.",
    ),
    "INTERVAL in a dataset": (
        "dataset.define_population(patients.date_of_birth < INTERVAL.start_date)",
        "INTERVAL is the interval of a measure; a dataset has none.",
    ),
    "measure twice": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); m.define_measure("a", '
        'patients.exists_for_patient()); m.define_measure("a", '
        "patients.exists_for_patient())",
        "A measure occurs twice; names must differ.",
    ),
    "defaults twice": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); '
        "m.define_defaults(denominator=patients.exists_for_patient())",
        "define_defaults was called before; give all defaults in one.",
    ),
    "defaults after a measure": (
        'm = create_measures(); m.define_measure("a", patients.exists_for_patient(), '
        'patients.exists_for_patient(), None, years(1).starting_on("2020-01-01")); '
        "m.define_defaults(denominator=patients.exists_for_patient())",
        "define_defaults must come before the first define_measure.",
    ),
    "disclosure control in words": (
        'create_measures().configure_disclosure_control(enabled="no")',
        "enabled must be True or False, not 'no'.",
    ),
    "groups as a list": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); m.define_measure("a", '
        "patients.exists_for_patient(), group_by=[patients.sex])",
        "group_by is a dictionary of names and series, list was given.",
    ),
    "a group of events": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); m.define_measure("a", '
        'patients.exists_for_patient(), group_by={"d": events.date})',
        "The group d has many values per patient. Reduce it to one, by "
        "count_distinct_for_patient, minimum_for_patient, maximum_for_patient, "
        "sum_for_patient, mean_for_patient, or by sort_by(...).first_for_patient() of "
        "the frame.",
    ),
    "a group of two meanings": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); m.define_measure("a", '
        'patients.exists_for_patient(), group_by={"g": patients.sex}); '
        'm.define_measure("b", patients.exists_for_patient(), group_by={"g": '
        "patients.date_of_birth})",
        "The group g means different things in two measures; use another name.",
    ),
    "numerator of text": (
        "m = create_measures(); "
        "m.define_defaults(denominator=patients.exists_for_patient(), "
        'intervals=years(1).starting_on("2020-01-01")); m.define_measure("a", '
        "patients.sex)",
        "The numerator of a must be bool or int, this is str.",
    ),
    "intervals of text": (
        'create_measures().define_measure("a", patients.exists_for_patient(), '
        'patients.exists_for_patient(), None, "2020")',
        "str was given for intervals. Intervals are pairs of start and end, for "
        'example months(12).starting_on("2023-01-01").',
    ),
    "interval of one date": (
        'create_measures().define_measure("a", patients.exists_for_patient(), '
        'patients.exists_for_patient(), None, ["2020-01-01"])',
        "'2020-01-01' is not an interval. Intervals are pairs of start and end, for "
        'example months(12).starting_on("2023-01-01").',
    ),
    "interval of numbers": (
        'create_measures().define_measure("a", patients.exists_for_patient(), '
        "patients.exists_for_patient(), None, [(1, 2)])",
        "A date was expected, not int.",
    ),
    "no intervals": (
        'create_measures().define_measure("a", patients.exists_for_patient(), '
        "patients.exists_for_patient(), None, [])",
        "The measure a has no interval.",
    ),
    "no measure": ("create_measures()._plan()", "There is no measure: call define_measure(...)."),
    "intervals of a series": (
        'months(events.count_for_patient()).starting_on("2020-01-01")',
        "Intervals need a positive whole number, not <int series, one value per patient>.",
    ),
    "no positive number of intervals": (
        'months(0).starting_on("2020-01-01")',
        "Intervals need a positive whole number, not 0.",
    ),
    "event table of a column's name": (
        'dataset.a = patients.sex; dataset.add_event_table("a", date=events.date)',
        "The column a was assigned before; choose another name.",
    ),
    "column of an event table's name": (
        'dataset.add_event_table("a", date=events.date); dataset.a = patients.sex',
        "a is an event table already; choose another name.",
    ),
    "event table of a bad name": (
        'dataset.add_event_table("a b", date=events.date)',
        "An event table cannot be called 'a b': a name is a letter, then letters, "
        "digits and underscores.",
    ),
    "event tables of one file": (
        "dataset.define_population(patients.exists_for_patient()); "
        'dataset.add_event_table("dataset", date=events.date); '
        'dataset.add_event_table("dataset_events", date=events.date); dataset._plan()',
        "Rename the event table dataset_events.",
    ),
    "column of an event table twice": (
        'dataset.add_event_table("a", date=events.date).date = events.date',
        "The column a.date was assigned before; choose another name.",
    ),
    "constant in an event table": (
        'dataset.add_event_table("a", date="2020-01-01")',
        "a.date must be a series, str was given.",
    ),
    "unknown column of an event table": (
        'dataset.add_event_table("a", date=events.date).dates',
        "The event table has no column dates. Did you mean date?",
    ),
    "constraint of numbers": (
        ""
        'dataset.configure_dummy_data(additional_population_constraint=patients.age_on("2020-01-01"))',
        "additional_population_constraint must be a true-or-false series with one "
        "value per patient, for example patients.exists_for_patient(); <int series, "
        "one value per patient> was given.",
    ),
    "too many dummy patients": (
        "dataset.configure_dummy_data(population_size=10**9)",
        "population_size must be at most 10,000,000.",
    ),
    "timeout of text": (
        'dataset.configure_dummy_data(timeout="60")',
        "timeout must be a whole number of at least 1, not '60'.",
    ),
    "multiplied text": ("patients.sex * 2", "* does not work on str."),
    "divided date": (
        "events.date / 2",
        "/ does not work on date. A duration can be added or taken away, for example "
        "date + days(7).",
    ),
    "power of a bool": (
        "patients.sex.is_null() ** 2",
        "** does not work on bool. Convert it with as_int() first.",
    ),
    "floor division of codes": ("events.snomedct_code // 2", "// does not work on SNOMED CT code."),
    "taking from text": ('"x" - patients.sex', "- does not work on str."),
    "or of a date": (
        "events.date | events.date",
        "& and | combine true-or-false series; <date series, many per patient> and "
        "<date series, many per patient> were given. Both sides need parentheses: (a "
        "== b) | (c == d).",
    ),
    "series in a list": (
        "patients.sex.is_in([patients.sex])",
        "is_in needs a list of constants, or one series.",
    ),
    "date and time": (
        "import datetime; events.date > datetime.datetime(2020, 1, 1)",
        "A series or a constant of type date was expected, not datetime. Use its date().",
    ),
    "something else": (
        "events.date == object()",
        "A series or a constant of type date was expected, not object.",
    ),
    "infinite number": ('events.numeric_value > float("inf")', "A float must be finite."),
    "int beyond 64 bits": ("events.count_for_patient() > 2**70", "An int must fit 64 bits."),
    "no mapping": (
        'patients.sex.map_values(["male"])',
        'A mapping with values is needed, for example {"old": "new"}.',
    ),
    "words after when": (
        'when(patients.sex == "male").otherwise(1)',
        "when(...) has only then(...), not otherwise. " + FORM,
    ),
    "text in case": ('case("male")', "case takes when(...).then(...) only. " + FORM),
    "None in case": (
        'case(when(patients.sex == "male").then(None), otherwise=None)',
        "case needs at least one value that is not None.",
    ),
    "case of nothing": ("case()", "case needs at least one when(...).then(...). " + FORM),
    "rows as text": (
        'table_from_rows("1,2")',
        "table_from_rows needs a list of rows, each a tuple of values.",
    ),
    "columns as a list": (
        'table_from_rows([(1, 2)], columns=["a"])',
        'Say what columns there are: columns={"name": str, ...}, or decorate a PatientFrame class.',
    ),
    "rows of many": (
        "from ehrql.tables import EventFrame; table_from_rows([(1, 2)])(EventFrame)",
        "Such a table has one row per patient. Say what columns there are: "
        'columns={"name": str, ...}, or decorate a PatientFrame class.',
    ),
    "patient of text": (
        'table_from_rows([("1", 2)], columns={"a": int})',
        "A row starts with a patient id, a whole number; not '1'.",
    ),
    "value of another type": (
        'table_from_rows([(1, "2")], columns={"a": int})',
        "In the column a: A constant of type int was expected, str was given.",
    ),
    "SEM-22 patient twice": (
        'table_from_rows([(1, 2), (1, 3)], columns={"a": int})',
        "The patient 1 has two rows; one is allowed.",
    ),
    "file with backslashes": (
        'table_from_file("data\\\\a.csv", columns={"a": int})',
        "Use forward slashes in paths: 'data\\\\a.csv'.",
    ),
    "file of no known form": (
        'table_from_file("study.py", columns={"a": int})',
        "study.py has none of the extensions .csv, .csv.gz, .arrow, .parquet.",
    ),
    "codes as text": (
        'from ehrql.tables.tpp import apcs; apcs.all_diagnoses.contains_any_of("I21")',
        "A list of codes or a codelist was expected, not str.",
    ),
    "quiz": (
        "from ehrql.quiz import questions",
        "There is no quiz in this data builder. There are no quizzes here.",
    ),
    "own table of no frame": (
        "from ehrql.tables import table; table(int)",
        "int must be a class of PatientFrame or EventFrame.",
    ),
    "years out of range": (
        '"2020-01-01" + years(9000)',
        "2020-01-01 and 9000 years give no date: years go from 1 to 9999.",
    ),
    "a difference as a condition": (
        "not (events.date - events.date)",
        "A difference of dates is not a number. Ask it for a number: (end - start).days, "
        ".weeks, .months or .years.",
    ),
}
