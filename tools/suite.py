"""Run the whole test suite, or one layer of it, and print what each stage took.

Fast layers come first. Scenarios run two at a time, in networks of their own; the topology that
the end-to-end tests look at stays up until they, the last stage, remove it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import ansible_mitogen

import rig
from console import BUILD, ROOT, Words, run, stop

BIN = Path(sys.executable).parent
LOGS = BUILD / "log"
REPORTS = BUILD / "reports"
KEPT = "topology"
"""The scenario whose hosts the end-to-end tests use."""
LONG = (KEPT, "install", "single_host", "runner", "proxy", "data_builder", "job_server")
"""Begin first, so that at the end no long one runs alone."""
ALONE = {*LONG, "default"}
LONGEST = 2400.0
"""Seconds after which a scenario hangs; the longest takes 1,700 on a machine with other work."""
PLAIN = ["-p", "no:socket"]
PARALLEL = ["--numprocesses=auto", "--dist=loadfile"]
# One data file for all layers; `coverage report` judges it, so none of them does.
MEASURED = [*PARALLEL, "--cov", "--cov-append", "--cov-report=", "--cov-fail-under=0"]
NATIVE = {"install"}
"""The scenario that runs with Ansible's own strategy, as a site does (ADR 0024)."""
# Otherwise files of few tests come last, and those of random graphs take longest.
IN_ORDER = "--no-loadscope-reorder"
WHY = re.compile(r"fatal: |FAILED |ERROR |CRITICAL |E  |\* +\[")
TOOLS = ROOT / "tools"
SECRETS = "playbooks/operations/generate_secrets.yml"


@contextmanager
def only_one() -> Iterator[None]:
    """Stop if another run of the suite is at work on this machine."""
    with Path("/var/lock/sallyport-suite").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop("another run of the tests is at work on this machine; wait until it ends.")
        yield


def python(*words: str | Path) -> None:
    """Run a program of ours with the tools' own Python."""
    run([sys.executable, *words], "Fix the errors above.")


def layer(name: str, folder: str, *options: str) -> None:
    """Run one folder of tests with pytest."""
    report = f"--junit-xml={REPORTS / name}.xml"
    python("-m", "pytest", "-q", folder, report, *options)


def prepare() -> None:
    """Remove leftovers of earlier tests and make what every scenario needs."""
    for name in rig.RIGS["test"]:
        rig.remove(name)
    python(TOOLS / "machine.py")
    python(TOOLS / "images.py", "host", "jobs")
    tag = (BUILD / "host-python").read_text(encoding="utf-8")
    python(TOOLS / "wheels.py", tag)
    for inventory in ("demo", "single-host"):
        playbook: Words = [BIN / "ansible-playbook", "-i", f"inventories/{inventory}", SECRETS]
        run(playbook, "Read build/log/secrets.log.", log=LOGS / "secrets.log")


def fresh_state(name: str) -> Path:
    """Return an empty folder for what Molecule remembers of a scenario.

    Its own default is shared by all checkouts of one name and outlives a run that was cut off;
    the next run would then believe that hosts exist which `prepare` has removed.
    """
    folder = BUILD / "molecule" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def strategy(name: str) -> dict[str, str]:
    """Return the environment with which a scenario's playbooks keep one Python per host."""
    if name in NATIVE:
        return {}
    plugins = Path(ansible_mitogen.__file__).parent / "plugins/strategy"
    return {
        "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "molecule/resources/connection"),
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "SALLYPORT_CONNECTION": "rig_host",
        # Mitogen's ssh knows "enforce" and "ignore", and the hosts of a rig are new each time.
        "ANSIBLE_HOST_KEY_CHECKING": "False",
    }


def run_limited(words: Words, environment: dict[str, str], log: Path) -> int:
    """Run a program and return its exit code; one that takes more than LONGEST seconds fails."""
    with log.open("wb") as stream:
        try:
            return subprocess.run(
                words,
                cwd=ROOT,
                env=environment,
                stdout=stream,
                stderr=stream,
                check=False,
                timeout=LONGEST,
            ).returncode
        except subprocess.TimeoutExpired:
            stream.write(f"\nERROR    stopped after {LONGEST:.0f} seconds\n".encode())
            return 1


def scenario(name: str, rig_name: str) -> bool:
    """Run one scenario on a rig; print its line, and the end of its log when it fails."""
    started = time.monotonic()
    log = LOGS / f"molecule-{name}.log"
    environment = (
        os.environ
        | strategy(name)
        | {
            "MOLECULE_EPHEMERAL_DIRECTORY": str(fresh_state(name)),
            "SALLYPORT_RIG": rig_name,
            "SALLYPORT_RIG_NUMBER": rig.NUMBERS[rig_name],
            # Ansible forks for each task and host, and each fork would collect what never dies.
            "PYTHONPATH": str(TOOLS / "quick"),
            "ANSIBLE_NOCOLOR": "1",
            "NO_COLOR": "1",
            "PYTEST_ADDOPTS": f"-p no:socket --junit-xml={REPORTS / f'role-{name}'}.xml",
        }
    )
    words: Words = [
        BIN / "molecule",
        "--base-config",
        ".config/molecule/config.yml",
        "test",
        "-s",
        name,
    ]
    code = run_limited(words, environment, log)
    verdict = "FAILED" if code else "passed"
    print(f"    {name:22} {verdict} {time.monotonic() - started:6.1f} s", flush=True)
    if code:
        print("".join(log.read_text(errors="replace").splitlines(keepends=True)[-80:]), flush=True)
    return code == 0


def scenarios(names: Sequence[str]) -> None:
    """Run scenarios two at a time, the topology on the rig `test`; stop if any failed."""
    free: SimpleQueue[str] = SimpleQueue()
    free.put("test-a")
    free.put("test-b")

    def one(name: str) -> bool:
        borrowed = free.get()
        try:
            return scenario(name, "test" if name == KEPT else borrowed)
        finally:
            free.put(borrowed)

    with ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(one, names))
    failed = [name for name, good in zip(names, passed, strict=True) if not good]
    if failed:
        print("".join(f"    {name}:\n{reasons(name)}" for name in failed), end="")
        stop(f"scenarios failed: {', '.join(failed)}; their logs are build/log/molecule-*.log.")


def reasons(name: str) -> str:
    """Return the lines of a scenario's log that say why it failed, so that they come last."""
    log = (LOGS / f"molecule-{name}.log").read_text(errors="replace").splitlines()
    found = [line[:1000] for line in log if WHY.match(line)]
    return "".join(f"      {line}\n" for line in found[-12:])


def every_scenario() -> list[str]:
    """Return the scenarios of the tree, the long ones first."""
    names = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    long = [name for name in LONG if name in names]
    return [*long, *(name for name in names if name not in ALONE)]


def mutants(*words: str) -> None:
    """Run the mutants; without words, all of them."""
    python(TOOLS / "mutants.py", *words)


def count(report: Path) -> int:
    """Return the number of tests in a report."""
    return sum(int(suite.get("tests", 0)) for suite in ET.parse(report).iter("testsuite"))  # noqa: S314 (our own report)


def summary(times: dict[str, float]) -> None:
    """Print what each stage took, and how many tests each layer holds."""
    print("==> seconds per stage")
    for name, seconds in times.items():
        print(f"    {name:14} {seconds:7.1f}")
    print(f"    {'all':14} {sum(times.values()):7.1f}")
    print("==> tests per layer")
    layers: dict[str, int] = {}
    for report in sorted(REPORTS.glob("*.xml")):
        name = report.stem.partition("-")[0]
        layers[name] = layers.get(name, 0) + count(report)
    for name, number in layers.items():
        print(f"    {name:14} {number:5}", flush=True)


Stage = Callable[[], None]


def stages() -> dict[str, Stage]:
    """Return every stage before the last, in order."""
    return {
        "lint": lambda: python(TOOLS / "lint.py"),
        "unit": lambda: python(TOOLS / "shares.py", "tests/unit", "-m", "not live"),
        "contract": lambda: layer("contract", "tests/contract", *PLAIN, *PARALLEL),
        "live": lambda: layer("live", "tests/unit", "-m", "live", *PARALLEL),
        "engines": lambda: layer("engines", "tests/engines", *PLAIN, *PARALLEL, IN_ORDER),
        "conformance": lambda: layer("conformance", "tests/conformance", *PLAIN),
        "prepare": prepare,
        "scenarios": lambda: scenarios(every_scenario()),
        "mutants": lambda: mutants("--sample", "5"),
    }


def measured() -> None:
    """Run the layers that execute our packages; stop below the coverage of pyproject.toml."""
    shutil.rmtree(BUILD / "coverage", ignore_errors=True)
    for name, folder, *options in (
        ("unit", "tests/unit", "-m", "not live"),
        ("live", "tests/unit", "-m", "live"),
        ("engines", "tests/engines", *PLAIN),
    ):
        layer(name, folder, *options, *MEASURED)
    python("-m", "coverage", "report")


def selected(only: str | None) -> dict[str, Stage]:
    """Return the stages that were asked for."""
    if only is None:
        return stages()
    parts: dict[str, Stage] = {"prepare": prepare, "topology": lambda: scenarios([KEPT])}
    return parts | ({"mutants": mutants} if only == "mutants" else {})


def main() -> int:
    """Run what is asked for; end with the end-to-end tests, which remove the hosts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", help="one scenario and nothing else")
    parser.add_argument(
        "--only", choices=["e2e", "mutants", "coverage"], help="this layer and what it needs"
    )
    options = parser.parse_args()
    for folder in (LOGS, REPORTS):
        folder.mkdir(parents=True, exist_ok=True)
    for report in REPORTS.glob("*.xml"):
        report.unlink()
    with only_one():
        if options.only == "coverage":
            measured()
            return 0
        if options.scenario:
            prepare()
            scenarios([options.scenario])
            return 0
        times = {}
        for name, stage in selected(options.only).items():
            print(f"==> {name}", flush=True)
            started = time.monotonic()
            stage()
            times[name] = time.monotonic() - started
        summary(times)
        print("==> e2e", flush=True)
        layer("e2e", "tests/e2e", *PLAIN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
