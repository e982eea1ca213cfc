"""Remove the containers, volumes and networks of a rig, by its label and by nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from console import output, run, stop

LABEL = "org.sallyport.rig"
# The tests run two scenarios at a time, each in networks of its own.
RIGS = {"demo": ("demo",), "test": ("test", "test-a", "test-b")}
USED = "Does something else use it? If not, a restart of Docker Engine frees it."
"""A host that was removed while it started can leave its place in a network taken."""
NUMBERS = {"demo": "77", "test": "78", "test-a": "79", "test-b": "80"}
"""Second octet of a rig's networks, 10.<number>.x."""


def listed(command: Sequence[str]) -> list[str]:
    """Return the words that a docker listing prints; stop if no engine answers."""
    found = output(["docker", *command])
    if found is None:
        stop("Docker Engine does not answer, so nothing was removed; start it and try again.")
    return found.split()


def remove(name: str) -> None:
    """Remove what carries the label of one rig."""
    label = f"label={LABEL}={name}"
    containers = listed(["ps", "--all", "--quiet", "--filter", label])
    if containers:
        run(
            ["docker", "rm", "--force", "--volumes", *containers],
            "Is Docker Engine up?",
            quiet=True,
        )
    networks = listed(["network", "ls", "--quiet", "--filter", label])
    if networks:
        run(["docker", "network", "rm", *networks], USED, quiet=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Remove the named rigs; whatever has no label of ours is never touched."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["clean"])
    parser.add_argument("names", choices=list(RIGS), nargs="+")
    for name in parser.parse_args(arguments).names:
        for rig in RIGS[name]:
            remove(rig)
        print(f"removed the hosts and networks of the rig {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
