"""Hostile study files and plans: each is stopped with its message, and each has its control.

The control of a study file is the same file with the layers off; where a limit stops it, the same
file with a smaller number. The control of a plan is the same plan before it was forged.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.unit.data_builder.studies import DEFINITION, write_tables

from sallyport_data_builder import cli
from sallyport_data_builder.confine import process
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model.plan import loads

pytestmark = pytest.mark.live

DATASET = Path("analysis/dataset.py")
Change = Callable[[dict[str, Any]], None]
REFUSED = "PermissionError: [Errno 1] Operation not permitted"
CLOSED = "PermissionError: [Errno 13] Permission denied"

LAYERS = {
    "network": ("import socket; socket.create_connection(('127.0.0.1', PORT))", REFUSED),
    "name look-up": ("import socket; socket.getaddrinfo('localhost', 80)", "gaierror"),
    "file outside": ("open('/etc/passwd').read()", CLOSED),
    "environment": ("open(f'/proc/{__import__(\"os\").getppid()}/environ', 'rb').read()", CLOSED),
    "write": ("open('analysis/left.txt', 'w').write('left')", CLOSED),
    "program": ("import os; os.execv('/bin/true', ['true'])", REFUSED),
    "fork": ("import os\nif os.fork() == 0: os._exit(0)", REFUSED),
    "its parent": ("import os; os.kill(os.getppid(), 0)", REFUSED),
    "a signal by a pipe": ("import fcntl, os; fcntl.fcntl(1, 8, os.getpid())", REFUSED),
}


@pytest.fixture
def port() -> Iterator[int]:
    """Listen on a port, so that a connection would be taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def compiled(study: str, *, confined: bool = True) -> int:
    """Compile the ordinary definition with some lines before it."""
    DATASET.write_text(study + "\n" + DEFINITION)
    os.environ["EHRQL_ISOLATE_USER_CODE"] = "default" if confined else "never"
    return cli.main(["compile", str(DATASET), "--plan", "plan.json"])


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", LAYERS)
def test_a_study_that_reaches_out_is_stopped_with_its_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, port: int, name: str
) -> None:
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "default")
    lines, message = LAYERS[name]
    study = lines.replace("PORT", str(port))
    assert compiled(study) == 10
    told = capfd.readouterr().err
    assert message in told
    assert "analysis/dataset.py, line " in told
    if name != "name look-up":
        assert "A definition reads files of the study and computes" in told
    assert not Path("plan.json").exists()
    # The control: the layers off. A program that takes the process's place gives no plan either.
    assert compiled(study, confined=False) == (10 if name == "program" else 0)
    assert ("Permission" in capfd.readouterr().err) is False


MODULE = """
import pathlib
try: pathlib.Path("left.txt").write_text("left")
except OSError: pass
from importlib.machinery import PathFinder
"""


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", ["json.py", "ctypes.py", "sallyport_data_builder.py"])
def test_no_module_of_the_study_is_imported_before_the_layers_are_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The control starts the same child as Python does by default: from the working folder."""
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "default")
    Path(name).write_text(MODULE)
    assert compiled("") == 0
    assert not Path("left.txt").exists()
    # Measured coverage imports json before the study's folder is on the path.
    plain = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    subprocess.run([sys.executable, "-m", name.removesuffix(".py")], env=plain, check=True)
    assert Path("left.txt").exists()


LIMITS = {
    "memory": ("data = bytearray({} * 1024 ** 2)", 5 * 1024, 5, "MemoryError"),
    "endless loop": ("for _ in range({}): pass", 10**12, 10, "it took more than 2 seconds"),
    "open files": ("files = [open('/dev/null') for _ in range({})]", 400, 4, "Too many open files"),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", LIMITS)
def test_a_study_that_takes_too_much_is_stopped(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "default")
    lines, much, little, message = LIMITS[name]
    assert compiled(lines.format(little)) == 0
    if name == "endless loop":
        monkeypatch.setattr(process, "WALL_SECONDS", 2.0)
    assert compiled(lines.format(much)) == 10
    assert message in capfd.readouterr().err


GOOD = "a plan"
FORGED_ANSWER = """
import os
for number in range(3, 20):
    try: os.write(number, {!r})
    except OSError: pass
os._exit(0)
"""


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    "answer",
    [
        '{"plan": "[]"}',
        '{"plan": 1}',
        "[]",
        "x",
        '{"error": "e", "code": 0}',
        '{"a": 1}',
        "[" * 9**5,
        GOOD,
    ],
)
def test_iso_05_a_study_that_answers_in_our_place_gives_no_plan(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """Such an answer is read as a plan is; the control is one that is a plan."""
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "default")
    if answer == GOOD:
        assert compiled("") == 0
        good = json.dumps({"plan": Path("plan.json").read_text()})
        assert compiled(FORGED_ANSWER.format(good.encode())) == 0
        return
    assert compiled(FORGED_ANSWER.format(answer.encode())) == 10
    assert not Path("plan.json").exists()


def at(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the first node of a class."""
    return next(node for node in document["nodes"] if node["k"] == kind)


def _other_study(document: dict[str, Any]) -> None:
    """Name the scratch table of another job."""
    at(document, "Table").update(
        schema="", name="sp_other_1", spec=[["sex", "str"], ["date_of_death", "date"]]
    )


PLANS: dict[str, tuple[Change, int, str]] = {
    "unknown class": (lambda d: at(d, "Column").update(k="Raw"), 10, "unknown class of node"),
    "SQL for a name": (
        lambda d: d["columns"].append(["a; drop table x", d["columns"][0][1]]),
        10,
        "a name is a letter, then letters",
    ),
    "more keys": (lambda d: d.update(sql="select 1"), 10, "its fields are"),
    "unknown schema": (lambda d: at(d, "Table").update(schema="secret"), 10, "no schema secret"),
    "another study's table": (_other_study, 11, "no file for the table sp_other_1"),
    "input outside": (lambda d: d["inputs"][0].update(path="../secret.csv"), 10, "is not valid"),
    "absolute input": (lambda d: d["inputs"][0].update(path="/etc/passwd"), 10, "is not valid"),
    "another file": (lambda d: d["inputs"][0].update(digest="0" * 64), 11, "is not the file"),
    "itself": (lambda d: at(d, "Column").update(frame=len(d["nodes"])), 10, "an earlier node"),
}
WITH_FILE = """
from ehrql import table_from_file
more = table_from_file("analysis/more.csv", columns={"word": str})
"""


@pytest.fixture(scope="module")
def kept() -> list[str]:
    """Keep the text of the plan: each test has the same study."""
    return []


@pytest.fixture
def plan(study: Path, kept: list[str]) -> Path:
    """Compile a study with a data file, and lay out its tables."""
    Path("analysis/more.csv").write_text("patient_id,word\n1,a\n")
    DATASET.write_text(f"{DEFINITION}{WITH_FILE}dataset.word = more.word\n")
    write_tables("tables")
    plan = study / "plan.json"
    if not kept:
        assert cli.main(["compile", str(DATASET), "--plan", str(plan)]) == 0
        kept.append(plan.read_text())
    plan.write_text(kept[0])
    return plan


def execute(plan: Path) -> int:
    return cli.main(["execute", str(plan), "--dsn", "tables", "--output", "out/a.csv"])


@pytest.mark.parametrize("name", PLANS)
def test_a_forged_plan_is_stopped(capfd: pytest.CaptureFixture[str], plan: Path, name: str) -> None:
    assert execute(plan) == 0
    Path("out/a.csv").unlink()
    change, code, message = PLANS[name]
    document = json.loads(plan.read_text())
    change(document)
    plan.write_text(json.dumps(document))
    assert execute(plan) == code
    assert message in capfd.readouterr().err
    assert not Path("out/a.csv").exists()


def test_plan_03_a_plan_cannot_name_another_job_s_table(
    study: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, plan: Path
) -> None:
    """Nothing that the mapping does not name is read, though it is there."""
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    words = ["execute", str(plan), "--dsn", (study / "url").read_text().strip()]
    assert cli.main(words) == 0
    with sqlite3.connect(study / "data.sqlite3") as database:
        database.execute("create table sp_other_1 as select * from patients")
    database.close()
    document = json.loads(plan.read_text())
    _other_study(document)
    plan.write_text(json.dumps(document))
    assert cli.main(words) == 4
    assert "no table sp_other_1" in capfd.readouterr().err


def test_a_plan_or_a_data_file_that_is_a_link_is_refused(
    capfd: pytest.CaptureFixture[str], plan: Path
) -> None:
    assert execute(plan) == 0
    plan.rename(plan.with_name("real.json"))
    plan.symlink_to(plan.with_name("real.json"))
    assert execute(plan) == 2
    assert "it is a symbolic link" in capfd.readouterr().err
    data = Path("analysis/more.csv")
    data.rename("tables/more.csv")
    data.symlink_to(Path("tables/more.csv").resolve())
    assert execute(plan.with_name("real.json")) == 11
    assert "There is no file analysis/more.csv" in capfd.readouterr().err


def test_ten_gigabytes_of_plan_are_not_read(capfd: pytest.CaptureFixture[str], plan: Path) -> None:
    text = plan.read_bytes()
    assert execute(plan) == 0
    os.truncate(plan, 10 * 1024**3)
    assert execute(plan) == 10
    assert "larger than 67108864 bytes" in capfd.readouterr().err
    plan.write_bytes(text)
    assert execute(plan) == 0
    plan.unlink()
    os.mkfifo(plan)
    assert execute(plan) == 2


SITE = """
name = "site"
version = 1
[tables.patients]
rows = "one"
permission = "see_patients"
[tables.patients.columns]
sex = { type = "str" }
date_of_death = { type = "date" }
"""


def test_a_plan_cannot_give_itself_a_permission(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, plan: Path
) -> None:
    """PLAN-05: what a plan claims counts for nothing; what the job was granted does."""
    (plan.parent / "schemas").mkdir()
    (plan.parent / "schemas/site.toml").write_text(SITE)
    monkeypatch.setenv("DATA_BUILDER_SCHEMAS", str(plan.parent / "schemas"))
    document = json.loads(plan.read_text())
    at(document, "Table").update(schema="site")
    document.update(schemas={"site": 1}, permissions_claimed=["see_patients"])
    plan.write_text(json.dumps(document))
    assert execute(plan) == 12
    assert "site.patients needs see_patients" in capfd.readouterr().err
    monkeypatch.setenv("EHRQL_PERMISSIONS", '["see_patients"]')
    assert execute(plan) == 0


VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    3,
    2**70,
    1.5,
    "",
    "x",
    "date",
    "int",
    [],
    [[]],
    {},
    "9999-99-99",
]


def mutated(document: Any, random: Random) -> Any:
    """Change one thing anywhere in a document."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        item = waiting.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item))
        places += [(item, key) for key in keys]
        waiting += [item[key] for key in keys if isinstance(item[key], dict | list)]
    item, key = random.choice(places)
    other, other_key = random.choice(places)
    action = random.randrange(4)
    if action == 0:
        item[key] = random.choice(VALUES)
    elif action == 1:
        item[key] = json.loads(json.dumps(other[other_key]))
    elif action == 2:
        del item[key]
    elif isinstance(item, list):
        item.append(json.loads(json.dumps(other[other_key])))
    return document


def test_a_mutated_plan_ends_in_success_or_exit_10(plan: Path) -> None:
    """Each is read; what is read is also explained, which goes through the planner."""
    random, text = Random(20261125), plan.read_text()
    good = 0
    for _ in range(300):
        document = mutated(json.loads(text), random)
        for _again in range(random.randrange(3)):
            if isinstance(document, dict) and document:
                document = mutated(document, random)
        try:
            loads(json.dumps(document))
        except DefinitionError:
            continue
        good += 1
        plan.write_text(json.dumps(document))
        assert cli.main(["explain", str(plan)]) in (0, 10), json.dumps(document)
    assert 0 < good < 150


def test_bytes_changed_in_a_plan_end_in_success_or_exit_10(plan: Path) -> None:
    random, data = Random(3), plan.read_bytes()
    for _ in range(150):
        changed = bytearray(data)
        for _again in range(random.randrange(1, 4)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        plan.write_bytes(changed)
        assert cli.main(["explain", str(plan)]) in (0, 10), bytes(changed)
