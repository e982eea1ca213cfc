"""Study code is confined, and so is the process at the database (ISO-01 to ISO-07)."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.data_builder.studies import DEFINITION, PROBING_BACKEND, write_tables

from sallyport_data_builder import cli
from sallyport_data_builder.confine import parent, probes, process, report, seccomp, syscalls
from sallyport_data_builder.confine.requests import Request

pytestmark = pytest.mark.live

DATASET = "analysis/dataset.py"
OWN_START = {"environment", "descriptors", "group"}
REFUSED = seccomp.REFUSE | errno.EPERM


def test_iso_07_every_rule_stops_its_probe_and_files_of_the_study_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(probes.URL, "canary")
    found = [line for line in report.lines() if line.rule != "container"]
    assert [str(line) for line in found if not line.good] == []
    rules = {line.rule for line in found}
    assert rules == {"ISO-01", "ISO-02", "ISO-03", "ISO-04", "control"}
    assert len(found) > 40


def test_iso_07_without_confinement_nothing_stops_them() -> None:
    names = [name for name in probes.PROBES if name not in OWN_START]
    found = report.tried("none", names)
    assert [name for name, stopped in found.items() if stopped] == []


def test_iso_01_a_child_that_others_start_inherits_much(tmp_path: Path) -> None:
    """The control of three probes: what our own way of starting a process takes away."""
    reader, writer = os.pipe()
    words = [str(writer), "none", str(tmp_path), *sorted(OWN_START)]
    subprocess.run(
        [sys.executable, "-m", "sallyport_data_builder.confine.probes", *words],
        env={**os.environ, probes.URL: "canary"},
        pass_fds=(writer, reader),
        check=True,
    )
    os.close(writer)
    with os.fdopen(reader) as stream:
        assert dict(map(json.loads, stream)) == dict.fromkeys(OWN_START, False)


def verdict(filtered: seccomp.Filter, processor: str, call: str, *arguments: int) -> int:
    """Interpret a filter's program, as the kernel does."""
    numbers = syscalls.NUMBERS[processor]
    data = [numbers[call], syscalls.ARCHITECTURES[processor], 0, 0]
    for value in (*arguments, *[0] * (6 - len(arguments))):
        data += [value & 0xFFFFFFFF, value >> 32]
    program, place, held = filtered.program(processor), 0, 0
    while True:
        code, yes, no, value = program[place]
        place += 1
        if code == seccomp.RETURN:
            return value
        if code == seccomp.LOAD:
            held = data[value // 4]
            continue
        true = {
            seccomp.JUMP_EQUAL: held == value,
            seccomp.JUMP_AT_LEAST: held >= value,
            seccomp.JUMP_ANY_BIT: bool(held & value),
        }[code]
        place += yes if true else no


MISSING = seccomp.REFUSE | errno.ENOSYS
CALLS: dict[str, tuple[str, Sequence[int], int]] = {
    "reading": ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC), seccomp.ALLOW),
    "writing": ("openat", (0, 0, os.O_WRONLY), seccomp.REFUSE | errno.EACCES),
    "creating": ("openat", (0, 0, os.O_CREAT), seccomp.REFUSE | errno.EACCES),
    "openat2": ("openat2", (), MISSING),
    "clone3": ("clone3", (), MISSING),
    "io_uring": ("io_uring_setup", (), MISSING),
    "socket": ("socket", (2, 1, 0), REFUSED),
    "program": ("execve", (), REFUSED),
    "thread": ("clone", (seccomp.THREAD,), REFUSED),
    "mount": ("mount", (), REFUSED),
    "terminal": ("ioctl", (1, 0x5401), seccomp.ALLOW),
    "typing": ("ioctl", (1, 0x5412), seccomp.REFUSE | errno.ENOTTY),
    "flags of a descriptor": ("fcntl", (1, 3), seccomp.ALLOW),
    "signals by a descriptor": ("fcntl", (1, 8, 1), REFUSED),
    "see a limit": ("prlimit64", (0, 7, 0, 4096), seccomp.ALLOW),
    "set a limit": ("prlimit64", (0, 7, 1 << 40, 0), REFUSED),
    "abort": ("tgkill", (42, 42, 6), seccomp.ALLOW),
    "kill": ("tgkill", (1, 1, 9), REFUSED),
}


@pytest.mark.parametrize("processor", list(syscalls.ARCHITECTURES))
@pytest.mark.parametrize("name", CALLS)
def test_iso_03_the_filter_of_study_code_on_both_processors(processor: str, name: str) -> None:
    call, arguments, wanted = CALLS[name]
    assert verdict(seccomp.study(42), processor, call, *arguments) == wanted


@pytest.mark.parametrize("processor", list(syscalls.ARCHITECTURES))
def test_iso_03_the_filter_of_the_database_process_on_both_processors(processor: str) -> None:
    filtered = seccomp.database()
    for call in seccomp.CHANGING:
        if call in syscalls.NUMBERS[processor]:
            assert verdict(filtered, processor, call) == REFUSED
    assert verdict(filtered, processor, "clone", seccomp.THREAD) == seccomp.ALLOW
    assert verdict(filtered, processor, "clone", 17) == REFUSED
    assert verdict(filtered, processor, "socket", 2) == seccomp.ALLOW
    assert verdict(filtered, processor, "socket", 38) == REFUSED
    assert verdict(filtered, processor, "openat", 0, 0, os.O_RDWR) == seccomp.ALLOW


def test_iso_03_calls_of_another_processor_end_the_process() -> None:
    program = seccomp.study(1).program("x86_64")
    assert program[:3] == [(0x20, 0, 0, 4), (0x15, 1, 0, 0xC000003E), (6, 0, 0, seccomp.KILL)]
    assert program[4:6] == [(0x35, 0, 1, seccomp.X32), (6, 0, 0, seccomp.KILL)]


HEADS = {
    "both": '{"calls": true, "files": 7}',
    "no Landlock": '{"calls": true, "files": 0}',
    "no seccomp": '{"calls": false, "files": 7}',
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("isolate", ["default", "always", "never"])
def test_iso_06_what_a_missing_layer_means(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    head: str,
    isolate: str,
) -> None:
    (tmp_path / "x.py").write_text("")
    child = process.Child(answer=f'{HEADS[head]}\n{{"error": "reached", "code": 10}}'.encode())
    monkeypatch.setattr(process, "run", lambda *_words: child)
    refused = isolate == "always" and head != "both"
    with pytest.raises(Exception, match="is missing, and it must be" if refused else "reached"):
        parent.compile_definition(tmp_path / "x.py", [], Request.ANY, isolate)
    warned = isolate == "default" and head != "both"
    assert ("which is missing here" in caplog.text) is warned


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("version", [0, 1])
def test_iso_06_nothing_of_the_study_runs_when_a_needed_layer_is_missing(version: int) -> None:
    """The control has the layer: Landlock as it is, or taken away."""
    Path(DATASET).write_text(f"print('ran')\n{DEFINITION}")
    program = "from sallyport_data_builder.confine import child, landlock\n"
    program += "landlock.version = lambda: 0\n" if not version else ""
    program += "child.main()"
    words = ["1", "always", "any", DATASET]
    # Unbuffered, because the child closes the descriptor on which the study prints here.
    found = subprocess.run(
        [sys.executable, "-u", "-c", program, *words], capture_output=True, check=True, text=True
    )
    assert ("ran" in found.stdout) is bool(version)
    assert ("plan" in found.stdout) is bool(version)


def test_iso_06_a_database_url_in_the_same_container_needs_both_layers(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = []
    compile_ = parent.compile_definition

    def spy(file: Path, parameters: Sequence[str], request: Request, isolate: str) -> object:
        asked.append(isolate)
        return compile_(file, parameters, request, isolate)

    monkeypatch.setattr(parent, "compile_definition", spy)
    url, words = (study / "url").read_text().strip(), ["generate-dataset", DATASET]
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    assert cli.main([*words, "--dsn", url]) == 0
    assert capfd.readouterr().out.count("\n") == 3
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "never")
    assert cli.main([*words, "--dsn", url]) == 0
    assert asked == ["always", "never"]
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    assert cli.main(words) == 2
    assert "is for developers" in capfd.readouterr().err
    monkeypatch.delenv("EHRQL_ISOLATE_USER_CODE")
    assert cli.main(words) == 0
    monkeypatch.setenv("DATABASE_URL_FILE", "analysis/url")
    Path("analysis/url").write_text(url)
    assert cli.main(words) == 2
    assert "lies in the study's folder" in capfd.readouterr().err


@pytest.mark.usefixtures("study")
def test_iso_02_what_a_definition_prints_is_cut(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path(DATASET).write_text(f"{DEFINITION}print('x' * 3_000_000)\n")
    assert cli.main(["compile", DATASET, "--plan", "plan.json"]) == 0
    told = capfd.readouterr().err
    assert process.MAX_SAID < len(told) < process.MAX_SAID + 1000
    assert "is cut here" in told
    monkeypatch.setattr(process, "MAX_ANSWER", 10)
    assert cli.main(["compile", DATASET, "--plan", "plan.json"]) == 10
    assert "its answer was too large" in capfd.readouterr().err


def test_the_process_at_the_database_is_confined_too(
    study: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A backend of the operator's own tries what execute has given up; in a test's process it
    can."""
    caplog.set_level(logging.INFO)
    modules = study / "modules"
    modules.mkdir()
    (modules / "probing.py").write_text(PROBING_BACKEND)
    secret = tmp_path_factory.mktemp("other") / "secret"
    secret.write_text("canary")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    monkeypatch.setenv("PROBE", str(secret))
    monkeypatch.setenv("TMPDIR", str(study / "backends"))
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.syspath_prepend(str(modules))
    assert cli.main(["compile", DATASET, "--plan", "plan.json"]) == 0
    words = ["execute", "plan.json", "--backend", "probing.Same", "--output", "out/a.csv"]
    assert cli.main(words) == 0
    assert "probed: [False, False, False]" in caplog.text
    program = "import sys; from sallyport_data_builder import cli; sys.exit(cli.main())"
    found = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, check=False, text=True
    )
    assert found.returncode == 0, found.stderr
    assert "probed: [True, True, True]" in found.stderr
    assert Path("out/a.csv").read_text().count("\n") == 3


@pytest.mark.usefixtures("study")
def test_a_folder_of_tables_is_read_by_a_confined_process() -> None:
    write_tables("tables")
    program = "import sys; from sallyport_data_builder import cli; sys.exit(cli.main())"
    words = ["generate-dataset", DATASET, "--dsn", "tables", "--output", "deep/er/a.parquet"]
    subprocess.run([sys.executable, "-c", program, *words], check=True)
    assert [path.name for path in Path("deep/er").iterdir()] == ["a.parquet"]


def test_numpy_and_pandas_work_in_a_confined_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        "import numpy as np, pandas as pd",
        "from ehrql import create_dataset",
        "from ehrql.tables.core import patients",
        "frame = pd.read_csv('ages.csv').groupby('sex').age.max()",
        "dataset = create_dataset()",
        "dataset.define_population(patients.age_on('2020-01-01') > np.arange(19).max())",
        "dataset.x = patients.age_on('2020-01-01') < frame['f']",
    ]
    Path("ages.csv").write_text("sex,age\nf,70\nm,60\nf,80\n")
    Path("study.py").write_text("\n".join(lines))
    plan = parent.compile_definition(Path("study.py"), [], Request.DATASET, "always")
    assert [name for name, _series in plan.dataset.columns] == ["x"]
