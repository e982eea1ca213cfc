"""Lock what is installed, by hash: tools, components, job images, the peers of the tests."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import distributions
from console import ROOT, run

COMPILE = [
    ".venv/bin/uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url",
    "--no-annotate", "--python-version=3.11", "--custom-compile-command=make lock",
]  # fmt: skip


def lock(source: Path, target: Path, *options: str) -> None:
    """Compile one requirements file."""
    run([*COMPILE, *options, source, "-o", target], "Correct the requirement that uv names.")


def main() -> int:
    """Lock everything; a component's versions are those that the tests run with."""
    tools = ROOT / "requirements-dev.txt"
    lock(ROOT / "requirements-dev.in", tools, "--universal")
    # The alias has no host of its own: an image installs it beside the package that it aliases.
    for name in (name for name in distributions.components() if name != "ehrql_alias"):
        with tempfile.NamedTemporaryFile("w", suffix=".in") as stream:
            stream.write("\n".join(distributions.third_party(name)) + "\n")
            stream.flush()
            target = ROOT / "files" / name / "requirements.txt"
            lock(Path(stream.name), target, "--universal", f"--constraint={tools}")
    images = sorted(ROOT.glob("files/images/*/requirements.in"))
    peers = [
        ROOT / one
        for one in (
            "tests/conformance",
            "tests/conformance/fuzzed",
            "tests/conformance/provider",
            "tests/bench/runner",
        )
    ]
    for path in [*images, *(folder / "requirements.in" for folder in peers)]:
        lock(path, path.with_suffix(".txt"), "--python-platform=x86_64-manylinux_2_28")
    return 0


if __name__ == "__main__":
    sys.exit(main())
