"""Run a long search in pieces, each with a seed of its own, and keep its log."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from bootstrap import install_packages
from console import BUILD, ROOT

LOGS = BUILD / "log"
PIECE = 250
GRAPHS = ["-m", "pytest", "-q", "-p", "no:socket"]
GRAPHS += ["tests/engines/test_graphs.py", "tests/engines/test_graph_rules.py"]


def graphs(count: int, first: int) -> int:
    """Try so many random graphs on every live engine; return how many pieces failed."""
    log = LOGS / f"campaign-graphs-{first}.log"
    failed = tried = 0
    with log.open("w", encoding="utf-8") as stream:
        for number in range((count + PIECE - 1) // PIECE):
            seed, size = first + number, min(PIECE, count - tried)
            started = time.monotonic()
            answer = subprocess.run(
                [sys.executable, *GRAPHS],
                cwd=ROOT,
                env=os.environ | {"GRAPHS": str(size), "GRAPHS_SEED": str(seed)},
                capture_output=True,
                text=True,
                check=False,
            )
            tried += size
            failed += answer.returncode != 0
            verdict = "FAILED" if answer.returncode else "passed"
            line = f"seed {seed}: {size} graphs {verdict} in {time.monotonic() - started:.1f} s"
            print(line, flush=True)
            stream.write(line + "\n" + (answer.stdout if answer.returncode else ""))
            stream.flush()
        closing = f"{tried} graphs, seeds from {first}: {failed} pieces failed"
        stream.write(closing + "\n")
    print(f"{closing}; {log.relative_to(ROOT)}")
    return failed


def locks(seconds: int, seed: int) -> int:
    """Plant what a killed git leaves for so many seconds; return 1 where it did not heal."""
    log = LOGS / f"campaign-locks-{seed}.log"
    words = [sys.executable, "-m", "tests.campaigns.locks", str(seconds), str(seed)]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    log.write_text(answer.stdout + answer.stderr, encoding="utf-8")
    print(f"{(answer.stdout or answer.stderr).strip()[-2000:]}; {log.relative_to(ROOT)}")
    return answer.returncode


def _logged(name: str, count: int, seed: int) -> int:
    """Run a campaign of its own module, print the end of its log and return its exit code."""
    log = LOGS / f"campaign-{name}-{seed}.log"
    words = [sys.executable, "-m", f"tests.campaigns.{name}", str(count), str(seed)]
    with log.open("w", encoding="utf-8") as stream:
        code = subprocess.run(words, cwd=ROOT, stdout=stream, stderr=stream, check=False).returncode
    print(f"{log.read_text(encoding='utf-8').strip()[-2000:]}; {log.relative_to(ROOT)}")
    return code


def chaos(faults: int, seed: int) -> int:
    """Let so many faults happen to a runner at work; return 1 where a promise was broken."""
    install_packages("chaos")
    return _logged("chaos", faults, seed)


def large(actions: int, seed: int) -> int:
    """Ask for so many actions at once; nothing is random. Return 1 where a limit is missed."""
    return _logged("large", actions, seed)


def kill9(submissions: int, seed: int) -> int:
    """Submit so many job requests to a server that is killed; return 1 where one was lost."""
    install_packages("test")
    return _logged("kill9", submissions, seed)


CAMPAIGNS = {
    "graphs": (graphs, 5_000),
    "locks": (locks, 900),
    "chaos": (chaos, 200),
    "large": (large, 2_500),
    "kill9": (kill9, 1_000),
}


def main() -> int:
    """Run the campaign that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*CAMPAIGNS])
    parser.add_argument("--count", type=int, help="how many cases; the full size without it")
    parser.add_argument("--seed", type=int, default=1_000, help="the first seed")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    run, size = CAMPAIGNS[options.name]
    return 1 if run(options.count or size, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
