"""How the tools talk to a person: progress lines, questions, one-sentence failures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
YES = {"1", "true", "yes"}
Words = list[str | Path]


def stop(sentence: str, code: int = 1) -> NoReturn:
    """End the program with one sentence that says what to do."""
    sys.stdout.flush()
    print(f"sallyport: {sentence}", file=sys.stderr)
    raise SystemExit(code)


def agreed_in_advance() -> bool:
    """Return whether the environment answers questions: ASSUME_YES=1, or CI=true."""
    return not YES.isdisjoint(
        {os.environ.get("ASSUME_YES", "").lower(), os.environ.get("CI", "").lower()}
    )


def ask(question: str) -> None:
    """Go on only if the person agrees; exit 2 where nobody can be asked."""
    if agreed_in_advance():
        return
    if not sys.stdin.isatty():
        stop(f"{question} Set ASSUME_YES=1 to agree without a terminal.", 2)
    if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        stop("nothing was changed.", 2)


@contextmanager
def timed(title: str) -> Iterator[None]:
    """Print a title, and the seconds it took at the end."""
    print(f"==> {title}", flush=True)
    started = time.monotonic()
    yield
    print(f"    {title}: {time.monotonic() - started:.1f} s", flush=True)


def run(
    command: Sequence[str | Path],
    advice: str,
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    quiet: bool = False,
) -> None:
    """Run a program; on failure show the end of its log, if it has one, and stop with advice.

    `quiet` drops what the program prints when all is well.
    """
    words = [str(word) for word in command]
    environment = dict(os.environ) | dict(env or {})
    if log is None:
        shown = subprocess.DEVNULL if quiet else None
        code = subprocess.run(words, cwd=cwd, env=environment, stdout=shown, check=False).returncode
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            code = subprocess.run(
                words, cwd=cwd, env=environment, stdout=stream, stderr=stream, check=False
            ).returncode
        if code:
            show_end(log)
    if code:
        stop(f"{' '.join(words[:3])} ended with {code}. {advice}")


def show_end(log: Path) -> None:
    """Print the last thirty lines of a log."""
    print("".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:]))


def output(command: Sequence[str | Path], cwd: Path = ROOT) -> str | None:
    """Return what a program prints, or None when it fails or is not there."""
    words = [str(word) for word in command]
    try:
        answer = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
