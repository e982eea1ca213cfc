"""Actions that extract patient data declare exactly what they write."""

from __future__ import annotations

import pytest
from tests.unit.study.texts import action, problems

from sallyport_study import parse_project

HIGH = "{highly_sensitive: {a: %s}}"
MODERATE = "{moderately_sensitive: {a: %s}}"


def dataset(output: str, outputs: str, image: str = "ehrql", command: str = "dataset") -> str:
    """Return a file with one extraction."""
    return action(run=f"{image}:v1 generate-{command} d.py {output}", outputs=outputs)


@pytest.mark.parametrize("image", ["ehrql", "databuilder"])
@pytest.mark.parametrize(
    ("output", "pattern"),
    [
        ("--output o/a.csv", "o/a.csv"),
        ("--output=o/a.csv.gz", "o/a.csv.gz"),
        ("--output o/a.arrow", "o/a.arrow"),
        ("--output o:csv", "o/*.csv"),
        ("--output o/:csv", "o/*.csv"),
        ("--output o/d:csv.gz", "o/d/*.csv.gz"),
        ("--output o/d:csv", "o/d/a.csv"),
        ("--dummy-tables x --output o/a.csv", "o/a.csv"),
    ],
)
def test_what_fits(image: str, output: str, pattern: str) -> None:
    assert parse_project(dataset(output, HIGH % pattern, image))


@pytest.mark.parametrize(
    ("output", "pattern", "wanted"),
    [
        ("--output o/a.csv", "o/b.csv", "o/a.csv"),
        ("--output o/a.csv", "o/*.csv", "o/a.csv"),
        ("--output=o/a.csv", "a.csv", "o/a.csv"),
        ("--output o:csv", "o/d/*.csv", "o/*.csv"),
        ("--output o:csv", "o/*.arrow", "o/*.csv"),
        ("--output o/:csv.gz", "o/*.csv", "o/*.csv.gz"),
        ("--output o:sv", "o/a.csv", "o/*.sv"),
    ],
)
def test_what_does_not_fit_is_told_what_would(output: str, pattern: str, wanted: str) -> None:
    given = output.removeprefix("--output").strip("= ")
    assert problems(dataset(output, HIGH % pattern)) == (
        f"The action 'make' writes '--output {given}', so its outputs must declare '{wanted}'.",
    )


@pytest.mark.parametrize("output", ["", "--output", "--output=", "--outputs a.csv"])
def test_the_option_must_be_there(output: str) -> None:
    assert problems(dataset(output, HIGH % "a.csv")) == (
        "The 'run' of the action 'make' needs the option '--output' with one of its outputs, as in "
        "'--output a.csv'.",
    )


@pytest.mark.parametrize(
    "outputs",
    [
        MODERATE % "a.csv",
        "{minimally_sensitive: {a: a.csv}}",
        "{highly_sensitive: {a: a.csv}, moderately_sensitive: {b: b.csv}}",
    ],
)
def test_patient_data_is_highly_sensitive(outputs: str) -> None:
    (found,) = problems(dataset("--output a.csv", outputs))
    assert found.startswith(
        "The action 'make' extracts patient data, so all its outputs must be 'highly_sensitive'"
    )
    assert found in problems(dataset("--output a.csv", outputs))
    assert parse_project(dataset("--output a.csv", HIGH % "a.csv"))


@pytest.mark.parametrize("version", ["2", "4", "5"])
@pytest.mark.parametrize("level", [HIGH, MODERATE])
def test_measures_are_held_to_it_from_version_five_on(version: str, level: str) -> None:
    good = dataset("--output a.csv", level % "a.csv", command="measures")
    assert parse_project(good)
    bad = dataset("--output b.csv", level % "a.csv", command="measures")
    text = bad.replace("version: 5", f"version: {version}")
    if version == "5":
        assert "'--output b.csv'" in problems(text)[0]
    else:
        assert any("'--output b.csv'" in warning for warning in parse_project(text).warnings)


@pytest.mark.parametrize(
    ("options", "outputs", "part"),
    [
        ("", "{highly_sensitive: {a: o/a.csv, b: o/b.csv}}", ""),
        ("", "{highly_sensitive: {a: a.csv, b: o/b.csv}}", "into one folder"),
        ("--output-dir o", "{highly_sensitive: {a: a.csv, b: o/b.csv}}", ""),
        ("--output-dir=o", "{highly_sensitive: {a: a.csv, b: o/b.csv}}", ""),
        (
            "",
            "{highly_sensitive: {a: o/a.csv}, moderately_sensitive: {b: o/b.csv}}",
            "must all be of one level",
        ),
    ],
)
def test_the_old_extractor_writes_one_folder_of_one_level(
    options: str, outputs: str, part: str
) -> None:
    run = f"cohortextractor:v1 generate_cohort {options}"
    text = action(version="1", run=run, outputs=outputs)
    if part:
        assert part in problems(text)[0]
    else:
        assert parse_project(text)
