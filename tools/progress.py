"""Show how far a playbook is while its words go to a log.

On a terminal one line is kept current; elsewhere a line is printed every fifteen seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from console import ROOT, Words, output, show_end, stop

TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.+?)\] \*")
ANSWER = re.compile(r"^(?:ok|changed|skipping|fatal|failed): \[([^\]\s]+)")
LISTED = re.compile(r"\tTAGS: \[")
EVERY = {True: 0.5, False: 15.0}
"""Seconds between two updates, by whether the output is a terminal."""


class Progress:
    """What the lines of a running playbook say: how many tasks began, which one, on which host."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.task = "starting"
        self.host = ""

    def read(self, line: str) -> None:
        """Take note of one line of the playbook's output."""
        if task := TASK.match(line):
            self.task, self.host = task[1], ""
            self.done += 1
        elif answer := ANSWER.match(line):
            self.host = answer[1]

    def line(self, seconds: float) -> str:
        """Return where the playbook is, such as `2:31  118 of 303 tasks  runner  Install nginx`."""
        minutes, rest = divmod(int(seconds), 60)
        count = f"{min(self.done, self.total)} of {self.total} tasks"
        parts = [f"{minutes}:{rest:02}", count, self.host, self.task]
        return "  ".join(part for part in parts if part)


def total_tasks(command: Words) -> int:
    """Return about how many tasks a playbook has: those that ansible-playbook can list before."""
    return len(LISTED.findall(output([*command, "--list-tasks"]) or ""))


def copy(source: Iterable[str], log: Path, progress: Progress) -> None:
    """Write every line to the log, as it comes, and to the progress."""
    with log.open("w", encoding="utf-8") as stream:
        for line in source:
            stream.write(line)
            stream.flush()
            progress.read(line)


def show(text: str, stream: TextIO) -> None:
    """Print a line of progress; on a terminal it replaces the one before."""
    if stream.isatty():
        width = shutil.get_terminal_size().columns
        stream.write(f"\r\x1b[2K    {text}"[: width + 5])
    else:
        stream.write(f"    {text}\n")
    stream.flush()


def watch(command: Words, advice: str, log: Path, env: Mapping[str, str]) -> None:
    """Run a playbook and show its progress; stop with the end of its log and advice if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"    log: {log.relative_to(ROOT)}", flush=True)
    environment = dict(os.environ) | dict(env)
    progress = Progress(total_tasks(command))
    started = time.monotonic()
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        reader = threading.Thread(target=copy, args=(process.stdout or (), log, progress))
        reader.start()
        shown = False
        while reader.is_alive() or not shown:  # how far a short one came is shown too
            reader.join(EVERY[sys.stdout.isatty()])
            show(progress.line(time.monotonic() - started), sys.stdout)
            shown = True
        code = process.wait()
    if sys.stdout.isatty():
        print()
    if code:
        show_end(log)
        stop(f"{' '.join(map(str, command[:3]))} ended with {code}. {advice}")
