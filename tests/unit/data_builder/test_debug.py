"""The command `debug`: a study that is being written is confined, and its values are printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.data_builder.dummy_rig import answer
from tests.unit.data_builder.dummy_studies import planned
from tests.unit.data_builder.studies import DEFINITION, MEASURES, write_tables

from sallyport_data_builder import arguments, cli
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.evaluation import Evaluation, Made
from sallyport_data_builder.io.displays import DISPLAYS
from sallyport_data_builder.model.shown import Grid

pytestmark = pytest.mark.live

DATASET = Path("analysis/dataset.py")
DEBUG = ["debug", str(DATASET)]
SHOW = "from ehrql import show\nshow(dataset)\n"
SHOWN = """\
analysis/dataset.py, line 9: show(dataset)
patient_id | sex    | died
-----------+--------+-----------
1          | female | NULL
2          | male   | 2020-02-29

"""


def write(*lines: str, definition: str = DEFINITION) -> None:
    DATASET.write_text("".join([definition, *(f"{line}\n" for line in lines)]))


@pytest.mark.usefixtures("study")
def test_debug_prints_on_dummy_tables_what_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    write("print('said')", "from ehrql import show", "show(dataset)")
    write_tables("tables")
    assert cli.main([*DEBUG, "--dummy-tables", "tables"]) == 0
    told = capfd.readouterr()
    assert told.out == SHOWN.replace("line 9", "line 10")
    assert "said" in told.err


@pytest.mark.usefixtures("study")
def test_debug_prints_html_for_an_editor(capfd: pytest.CaptureFixture[str]) -> None:
    write("from ehrql import show", "show(patients.sex, label='<sex>', tail=1)")
    write_tables("tables")
    assert cli.main([*DEBUG, "--dummy-tables", "tables", "--display-format", "html"]) == 0
    told = capfd.readouterr().out
    assert told.startswith("<h2>analysis/dataset.py, line 9: &lt;sex&gt;</h2>\n<table>\n")
    assert "<tr><td>...</td><td>...</td></tr>\n<tr><td>2</td><td>male</td></tr>" in told
    forms = next(action for action in commands()["debug"]._actions if action.choices)
    assert list(forms.choices or ()) == list(DISPLAYS)


def commands() -> dict[str, arguments.Parser]:
    return dict(arguments.build()._actions[-1].choices or {})


@pytest.mark.usefixtures("study")
def test_a_show_in_a_module_of_the_study_is_told_with_its_own_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("analysis/helper.py").write_text("from ehrql import show\ndef look(x):\n    show(x)\n")
    write("import sys, helper", "helper.look(patients.sex)", "helper.look(sys.argv[1:])")
    write_tables("tables")
    assert cli.main([*DEBUG, "--dummy-tables", "tables", "--", "--name", "x"]) == 0
    told = capfd.readouterr().out
    assert told.count("analysis/helper.py, line 3: show(x)\n") == 2
    assert "['--name', 'x']" in told


@pytest.mark.usefixtures("study")
def test_without_dummy_tables_they_are_those_of_create_dummy_tables(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    write("from ehrql import show", "show(dataset)", "show(patients, head=3)")
    assert cli.main(["create-dummy-tables", str(DATASET), "tables"]) == 0
    assert cli.main([*DEBUG, "--dummy-tables", "tables"]) == 0
    first = capfd.readouterr().out
    assert cli.main(DEBUG) == 0
    assert capfd.readouterr().out == first
    assert first.count("\n") == 2 * 4 + 10 + 4
    assert "10 dummy patients" in caplog.text


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("definition", [MEASURES, "from ehrql.tables.core import patients\n"])
def test_measures_and_an_unfinished_definition_are_debugged(
    capfd: pytest.CaptureFixture[str], definition: str
) -> None:
    write(
        "from ehrql import show",
        "from ehrql.tables.core import clinical_events as events",
        "show(events.where(events.numeric_value > 0).count_for_patient(), patients.date_of_birth)",
        definition=definition,
    )
    assert cli.main(DEBUG) == 0
    told = capfd.readouterr().out
    assert "patient_id | value | date_of_birth\n" in told
    assert told.count("\n") == 4 + 10


@pytest.mark.usefixtures("study")
def test_what_was_shown_before_a_mistake_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    write("from ehrql import show", "show(dataset)", "dataset.sex = patients.sex")
    write_tables("tables")
    assert cli.main([*DEBUG, "--dummy-tables", "tables"]) == 10
    told = capfd.readouterr()
    assert told.out == SHOWN
    assert "analysis/dataset.py, line 10: dataset.sex = patients.sex" in told.err
    assert "The column sex was assigned before" in told.err


@pytest.mark.usefixtures("study")
def test_a_definition_that_shows_nothing_says_so(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert cli.main(DEBUG) == 0
    assert capfd.readouterr().out == ""
    assert "analysis/dataset.py shows nothing: call show(...) in it" in caplog.text
    caplog.clear()
    write("from ehrql import show", "show(1)")
    assert cli.main(DEBUG) == 0
    assert "shows nothing" not in caplog.text


@pytest.mark.usefixtures("study")
def test_outside_debug_a_show_changes_no_plan() -> None:
    plans = []
    for lines in ([], ["from ehrql import show", "show(dataset, head=0)", "show()"]):
        write(*lines)
        assert cli.main(["compile", str(DATASET), "--plan", "plan.json"]) == 0
        plans.append(Path("plan.json").read_bytes())
    assert plans[0] == plans[1]


FAILING = {
    "no definition": (["debug", "x.py"], "", 2, "no definition file x.py"),
    "display format": ([*DEBUG, "--display-format", "svg"], "", 2, "invalid choice: 'svg'"),
    "no folder": ([*DEBUG, "--dummy-tables", "lost"], "show(dataset)", 11, "no folder lost"),
    "wrong argument of show": (DEBUG, "show(dataset, head=0)", 10, "line 9: show(dataset, head=0)"),
    "too large": (DEBUG, "show(patients.date_of_birth + days(10**8))", 10, "are too large"),
    "permission": (
        DEBUG,
        "show(__import__('ehrql.tables.tpp').tables.tpp.appointments)",
        12,
        "tpp.appointments needs appointments",
    ),
    "the end of the process": (
        DEBUG,
        "__import__('os')._exit(0)",
        10,
        "The definition was stopped",
    ),
    "a forged answer": (
        DEBUG,
        "import sallyport_data_builder.model.shown as s; s.dumps = lambda _: '{}'",
        10,
        "What is shown is not valid",
    ),
    "an answer of no text": (
        DEBUG,
        "import sallyport_data_builder.model.shown as s; s.dumps = lambda _: 1",
        10,
        "an answer of the wrong form",
    ),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", FAILING)
def test_each_failure_of_debug_has_its_code(capfd: pytest.CaptureFixture[str], name: str) -> None:
    words, line, code, message = FAILING[name]
    write("from ehrql import days, show", line)
    assert cli.main(words) == code
    told = capfd.readouterr().err
    assert message in told
    assert "unforeseen" not in told
    write("from ehrql import days, show", "show(dataset)")
    assert cli.main(DEBUG) == 0


@pytest.mark.usefixtures("study")
def test_a_permission_that_is_claimed_opens_a_table(capfd: pytest.CaptureFixture[str]) -> None:
    lines = ["from ehrql import claim_permissions, show"]
    lines += ["from ehrql.tables.tpp import appointments", "show(appointments.status)"]
    write(*lines, "claim_permissions('appointments')")
    assert cli.main(DEBUG) == 0
    assert "patient_id | row_id | status" in capfd.readouterr().out
    write(*lines)
    assert cli.main(DEBUG) == 12


@pytest.mark.usefixtures("study")
def test_iso_03_a_study_is_confined_while_it_is_debugged(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the layers, which are for developers to leave out."""
    write("open('left.txt', 'w').write('left')", "from ehrql import show", "show(1)")
    assert cli.main(DEBUG) == 10
    assert "PermissionError" in capfd.readouterr().err
    assert not Path("left.txt").exists()
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "never")
    assert cli.main(DEBUG) == 0
    assert Path("left.txt").exists()


@pytest.mark.parametrize("name", ["outcome", "vaccinated", "matched"])
def test_what_is_shown_of_a_dataset_is_what_is_generated(name: str) -> None:
    plan = planned(name, 20)
    grid = Grid(None, plan.dataset.columns, plan.dataset.population)
    shown = Evaluation([grid], plan, Made(plan)).answer(grid)
    assert [tuple(map(str, row)) for row in shown.rows] == [
        tuple(map(str, row)) for row in sorted(answer(plan, Generator(plan).read))
    ]
    assert len(shown.rows) == 20
