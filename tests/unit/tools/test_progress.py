"""What the demo shows while it deploys."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import progress
from progress import Progress

LINES = """
PLAY [Deploy the runner] ******
TASK [Gathering Facts] ********
ok: [runner]
TASK [runner : Install the packages] ****
changed: [runner] => (item=x)
RUNNING HANDLER [runner : Restart docker] ***
fatal: [runner]: FAILED! =>
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (0, "0:00  0 of 3 tasks  starting"),
        (3, "0:00  1 of 3 tasks  Gathering Facts"),
        (4, "0:00  1 of 3 tasks  runner  Gathering Facts"),
        (5, "0:00  2 of 3 tasks  runner : Install the packages"),
        (6, "0:00  2 of 3 tasks  runner  runner : Install the packages"),
        (7, "0:00  3 of 3 tasks  runner : Restart docker"),
        (8, "0:00  3 of 3 tasks  runner  runner : Restart docker"),
    ],
)
def test_lines_of_a_playbook_say_where_it_is(lines: int, shown: str) -> None:
    watched = Progress(3)
    for line in LINES.splitlines()[:lines]:
        watched.read(line)
    assert watched.line(0.4) == shown


def test_more_tasks_than_were_listed_are_not_counted_beyond_the_end() -> None:
    watched = Progress(1)
    for line in LINES.splitlines():
        watched.read(line)
    assert watched.line(151.2).startswith("2:31  1 of 1 tasks")


def test_a_terminal_keeps_one_line_and_a_file_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        progress.show("0:01  1 of 3 tasks  runner", stream)
        progress.show("0:02  2 of 3 tasks  runner", stream)
    assert file.getvalue().splitlines() == [
        "    0:01  1 of 3 tasks  runner",
        "    0:02  2 of 3 tasks  runner",
    ]
    assert "\n" not in terminal.getvalue()
    last = terminal.getvalue().rpartition("\x1b[2K")[2]
    assert last == "    0:02  2 of 3 tas"


PLAYBOOK = """
import sys
if "--list-tasks" in sys.argv:
    print("      a : first\\tTAGS: [a]\\n      a : second\\tTAGS: [a]")
    sys.exit()
print("TASK [a : first] ***\\nok: [host]\\nTASK [a : second] ***\\nfatal: [host]: no", flush=True)
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 2])
def test_a_program_is_watched_to_its_end(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With code 2 the end of its log and the advice follow; with 0 neither."""
    monkeypatch.setattr(progress, "ROOT", tmp_path)
    log = tmp_path / "log/site.log"
    command: list[str | Path] = [sys.executable, "-c", PLAYBOOK, str(code)]
    if code:
        with pytest.raises(SystemExit):
            progress.watch(command, "Read the log.", log, {})
    else:
        progress.watch(command, "Read the log.", log, {})
    told = capsys.readouterr()
    assert told.out.startswith("    log: log/site.log\n")
    assert "2 of 2 tasks  host  a : second" in told.out
    assert log.read_text().splitlines()[1] == "ok: [host]"
    assert ("fatal: [host]: no" in told.out) is bool(code)
    assert told.err.endswith("ended with 2. Read the log.\n") is bool(code)
