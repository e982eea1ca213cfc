"""Small project files for the validators: one rule each, mostly one character from being valid.

`PROJECTS` are of version 5 for ours and the command line tool, and are given to the runner as
version 3, which it knows; `VERSIONS` are given to all as they are.
"""

from __future__ import annotations

from tests.unit.study.texts import OUTPUTS, action, chain


def output(pattern: str, level: str = "highly_sensitive") -> str:
    """Return a file with one output."""
    return action(outputs=f"{{{level}: {{a: {pattern}}}}}")


def run(text: str, **keys: str) -> str:
    """Return a file with one command, in quotes."""
    return action(run="'" + text.replace("'", "''") + "'", **keys)


def dataset(arguments: str, outputs: str = OUTPUTS, command: str = "generate-dataset") -> str:
    """Return a file with one extraction."""
    return run(f"ehrql:v1 {command} d.py {arguments}".strip(), outputs=outputs)


def two(name: str, program: str, pattern: str) -> str:
    """Return a file with a valid action and another one."""
    return (
        action()
        + f"  {name}:\n    run: python:v2 {program}\n"
        + f"    outputs: {{highly_sensitive: {{a: {pattern}}}}}\n"
    )


SMALL = action()
MODERATE = "moderately_sensitive"

PROJECTS = {
    "valid": SMALL,
    "valid, indented by four": SMALL.replace("  ", "    "),
    "valid, Windows lines": SMALL.replace("\n", "\r\n"),
    "valid, byte order mark": "\ufeff" + SMALL,
    "valid, a comment": f"# a study\n{SMALL}",
    "valid, document marks": f"---\n{SMALL}",
    "valid, merged settings": action(run="&run python:v2 a.py", config="&c {a: 1}")
    + "  b:\n    run: python:v2 b.py\n    config: *c\n"
    + "    outputs: {highly_sensitive: {a: b.csv}}\n",
    # The document
    "unknown key": f"title: x\n{SMALL}",
    "actions is a list": "version: 5\nactions: [make]\n",
    "actions is text": "version: 5\nactions: make\n",
    "no actions": "version: 5\n",
    "actions without a value": "version: 5\nactions:\n",
    "empty actions": "version: 5\nactions: {}\n",
    "two documents": f"{SMALL}---\n{SMALL}",
    "key twice": f"version: 5\n{SMALL}",
    "action twice": two("make", "b.py", "b.csv"),
    "output name twice": output("a.csv, a: b.csv"),
    # YAML
    "tab": SMALL.replace("    run", "\trun"),
    "no space after a colon": SMALL.replace("run: ", "run:"),
    "star without quotes": SMALL.replace("a.csv", "*.csv"),
    "star in quotes": SMALL.replace("a.csv", "'*.csv'"),
    "no-break space after a colon": SMALL.replace("run: ", "run:\u00a0"),
    "no-break space before a key": SMALL.replace("    run", "   \u00a0run"),
    "wrong indentation": SMALL.replace("    outputs", "   outputs"),
    "quote not closed": SMALL.replace("a.py", '"a.py'),
    "bracket not closed": action(needs="[a"),
    "text after a quote": action(run='"python:v2" a.py'),
    "NUL byte": SMALL.replace("a.py", "a\0.py"),
    "bell": SMALL.replace("a.py", "a\x07.py"),
    "unknown tag": action(run="!python a.py"),
    "unknown alias": action(config="*none"),
    "lone surrogate": action(run='"python:v2 \\ud800"'),
    # Actions
    "action is empty": "version: 5\nactions:\n  make:\n",
    "action is a list": "version: 5\nactions:\n  make: [run]\n",
    "action is text": "version: 5\nactions:\n  make: python:v2 a.py\n",
    "unknown key of an action": action(output="1"),
    "no run": action(run=None),
    "run without a value": action(run=""),
    "blank run": action(run="' '"),
    "run is a list": action(run="[python:v2]"),
    "run is a number": action(run="5"),
    "no tag": run("python a.py"),
    "empty tag": run("python: a.py"),
    "no image": run(":v2 a.py"),
    "tag v2.1": run("python:v2.1 a.py"),
    "tag v2-pre": run("python:v2-pre a.py"),
    "tag dev": run("python:dev a.py"),
    "tag latest": run("python:latest a.py"),
    "tag 3.11": run("python:3.11 a.py"),
    "tag main": run("python:main a.py"),
    "tag v2-rc": run("python:v2-rc a.py"),
    "two tags": run("python:v2:v3 a.py"),
    "quotes of the shell not closed": run("python:v2 'a.py"),
    "unknown image": run("cox-ipw:v1 a.R"),
    "misspelt image": run("pyhton:v2 a.py"),
    "image with a registry": run("ghcr.io/opensafely-core/python:v2 a.py"),
    "image in typographic quotes": run("“python:v2 a.py”"),
    "pipe": run("python:v2 a.py | tee log.txt"),
    "cohortextractor": run("cohortextractor:v1 generate_cohort"),
    "same run twice": two("b", "a.py", "b.csv"),
    "config is a list": action(config="[1]"),
    "config is text": action(config="text"),
    "config with a date": action(config="{a: 2026-01-01}"),
    "config with a nested list": action(config="{a: [1, {b: null}]}"),
    "config without a value": action(config=""),
    "dummy data is a list": action(dummy_data_file="[a]"),
    "dummy data": action(dummy_data_file="dummy.csv"),
    # Names of actions
    "name with a dot": action(name="a.b"),
    "name with an umlaut": action(name="größe"),
    "name in Japanese": action(name="表"),
    "name of digits in quotes": action(name="'2020'"),
    "name of digits": action(name="2020"),
    "name is a decimal": action(name="1.5"),
    "name is a date": action(name="2020-01-01"),
    "name is yes": action(name="yes"),
    "name is null": action(name="null"),
    "name is empty": action(name="''"),
    "name with a space": action(name="a b"),
    "name with a slash": action(name="a/b"),
    "name with a leading dot": action(name=".a"),
    "name that climbs": action(name="'..'"),
    "name with a bidirectional control": action(name='"a\\u202eb"'),
    "name with a line break": action(name='"a\\nb"'),
    "name with a NUL": action(name='"a\\0b"'),
    "name of 201 letters": action(name="a" * 201),
    "name of 200 letters": action(name="a" * 200),
    "name is run_all": action(name="run_all"),
    # Needs
    "needs without a value": action(needs=""),
    "empty needs": action(needs="[]"),
    "needs": chain(a=[], b=["a"]),
    "needs twice": chain(a=[], b=["a", "a"]),
    "needs is text": chain(a=[], b=[]).replace("needs: []", "needs: a"),
    "needs is a mapping": action(needs="{a: b}"),
    "needs a number": action(needs="[1]"),
    "needs nothing in a list": action(needs="[~]"),
    "needs an unknown action": chain(a=[], b=["c"]),
    "needs with a space": chain(a=[], b=["a a"]),
    "needs itself": chain(a=["a"]),
    "needs in a cycle": chain(a=["b"], b=["a"]),
    # Outputs
    "no outputs": action(outputs=None),
    "outputs without a value": action(outputs=""),
    "empty outputs": action(outputs="{}"),
    "outputs is a list": action(outputs="[a.csv]"),
    "outputs is text": action(outputs="a.csv"),
    "empty level": action(outputs="{highly_sensitive: {}}"),
    "level without a value": action(outputs="{highly_sensitive: }"),
    "second level without a value": action(
        outputs="{highly_sensitive: {a: a.csv}, moderately_sensitive: }"
    ),
    "second level is empty": action(
        outputs="{highly_sensitive: {a: a.csv}, moderately_sensitive: {}}"
    ),
    "level is text": action(outputs="{highly_sensitive: a.csv}"),
    "level is a list": action(outputs="{highly_sensitive: [a.csv]}"),
    "unknown level": action(outputs="{secret: {a: a.csv}}"),
    "minimally sensitive": output("a.csv", "minimally_sensitive"),
    "pattern without a value": output(""),
    "empty pattern": output("''"),
    "pattern is a number": output("5"),
    "pattern is a list": output("[a.csv]"),
    "pattern with a star": output("'output/*.csv'"),
    "pattern with two stars": output("'**/a.csv'"),
    "pattern with a question mark": output("'a?.csv'"),
    "pattern with brackets": output("'a[0].csv'"),
    "pattern with braces": output("'{a,b}.csv'"),
    "pattern with a space": output("a b.csv"),
    "pattern with a space at its end": output("'a.csv '"),
    "reviewable pattern with a space at its end": output("'a.csv '", MODERATE),
    "pattern with a line break": output('"a\\nb.csv"'),
    "pattern with a tab": output('"a\\tb.csv"'),
    "pattern with a backslash": output("output\\a.csv"),
    "no extension": output("output/a"),
    "only an extension": output(".csv"),
    "folder": output("output/"),
    "extension is a star": output("'a.*'"),
    "extension ends in a star": output("'a.csv*'"),
    "reviewable type": output("a.csv", MODERATE),
    "type that nobody reviews": output("a.xlsx", MODERATE),
    "reviewable type in capitals": output("a.CSV", MODERATE),
    "type in capitals": output("a.CSV"),
    "packed table to review": output("a.csv.gz", MODERATE),
    "two slashes": output("output//a.csv"),
    "dot and slash": output("./a.csv"),
    "inner climb": output("output/../a.csv"),
    "climb": output("../a.csv"),
    "climb out": output("output/../../escape.csv"),
    "logs": output("metadata/a.csv"),
    "looks like logs": output("metadata2/a.csv"),
    "absolute": output("/a.csv"),
    "absolute on Windows": output("'C:/a.csv'"),
    "same output twice in one action": output("a.csv, b: a.csv"),
    "same output twice": two("b", "b.py", "a.csv"),
    # Extraction
    "dataset": dataset("--output a.csv"),
    "dataset, equals sign": dataset("--output=a.csv"),
    "dataset, underscore": dataset("--output a.csv", command="generate_dataset"),
    "dataset without the option": dataset(""),
    "dataset, option without a value": dataset("--output"),
    "dataset with another file": dataset("--output b.csv"),
    "dataset to review": dataset("--output a.csv", "{moderately_sensitive: {a: a.csv}}"),
    "dataset of two levels": dataset(
        "--output a.csv", "{highly_sensitive: {a: a.csv}, moderately_sensitive: {b: b.csv}}"
    ),
    "dataset into a folder": dataset("--output o:csv", "{highly_sensitive: {a: 'o/*.csv'}}"),
    "dataset into a folder with a slash": dataset(
        "--output o/:csv", "{highly_sensitive: {a: 'o/*.csv'}}"
    ),
    "dataset into another folder": dataset("--output o:csv", "{highly_sensitive: {a: 'p/*.csv'}}"),
    "measures": dataset("--output a.csv", command="generate-measures"),
    "measures without the option": dataset("", command="generate-measures"),
    "measures with another file": dataset("--output b.csv", command="generate-measures"),
    "measures to review": dataset(
        "--output a.csv", "{moderately_sensitive: {a: a.csv}}", "generate-measures"
    ),
    "database by another way": run("sqlrunner:v1 q.sql"),
}  # fmt: skip

VERSIONS = {
    f"version {version}{', expectations' if block else ''}": (
        f"version: {version}\n{block}" + SMALL.partition("\n")[2]
    )
    for version in ("1", "2", "3", "'3'", "3.0", "3.5", "4", "5", "5.1", "6", "0", "-1", ".nan")
    for block in ("", "expectations: {population_size: 1000}\n")
} | {
    "no version": SMALL.partition("\n")[2],
    "version without a value": SMALL.replace("version: 5", "version:"),
    "version is yes": SMALL.replace("version: 5", "version: yes"),
    "version is text": SMALL.replace("version: 5", "version: five"),
    "version is a list": SMALL.replace("version: 5", "version: [5]"),
    "empty file": "",
    "only a comment": "# nothing\n",
    "a list": "- version: 5\n",
    "text": "version 5\n",
    "population is text": "version: 3\nexpectations: {population_size: many}\nactions: {}\n",
    "population in quotes": "version: 3\nexpectations: {population_size: '9'}\nactions: {}\n",
    "population is missing": "version: 3\nexpectations: {}\nactions: {}\n",
    "expectations is text": "version: 3\nexpectations: many\nactions: {}\n",
    "unknown expectation": "version: 3\nexpectations: {population_size: 9, size: 1}\nactions: {}\n",
    "version 1, same output twice": PROJECTS["same output twice"].replace("5", "1", 1),
    "version 2, same output twice": PROJECTS["same output twice"].replace("5", "2", 1),
    "version 4, latest": PROJECTS["tag latest"].replace("5", "4", 1),
    "version 4, run_all": PROJECTS["name is run_all"].replace("5", "4", 1),
    "version 4, cohortextractor": PROJECTS["cohortextractor"].replace("5", "4", 1),
    "version 1, cohortextractor": PROJECTS["cohortextractor"].replace("5", "1", 1),
    "version 4, measures without the option": (
        PROJECTS["measures without the option"].replace("5", "4", 1)
    ),
    "version 1, cohort of two levels": run(
        "cohortextractor:v1 generate_cohort",
        version="1",
        outputs="{highly_sensitive: {a: o/a.csv}, moderately_sensitive: {b: o/b.csv}}",
    ),
    "version 1, cohort in two folders": run(
        "cohortextractor:v1 generate_cohort",
        version="1",
        outputs="{highly_sensitive: {a: a.csv, b: o/b.csv}}",
    ),
    "version 1, cohort in two folders, option": run(
        "cohortextractor:v1 generate_cohort --output-dir o",
        version="1",
        outputs="{highly_sensitive: {a: a.csv, b: o/b.csv}}",
    ),
}


def for_runner(text: str) -> str:
    """Return a file of version 5 as one of version 3, the last that the published runner knows."""
    return text.replace("version: 5", "version: 3.0\nexpectations: {population_size: 1000}", 1)
