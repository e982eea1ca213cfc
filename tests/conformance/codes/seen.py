"""What a job of the program `around` wrote down, and what is promised of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

TEMPORARY = "/" + "tmp"
OF_SHELL_AND_IMAGE = {"PATH", "PWD", "OLDPWD", "SHLVL", "HOSTNAME"}


@dataclass(frozen=True)
class Seen:
    """Returns the lines of a file by its name."""

    text: Callable[[str], str]

    def lines(self, name: str) -> list[str]:
        """Return the lines that say something."""
        return [line for line in self.text(name).splitlines() if line.strip()]

    def mounts(self) -> dict[str, set[str]]:
        """Return the options of each mount by where it is."""
        fields = [line.split() for line in self.lines("mounts")]
        return {words[4]: set(words[5].split(",")) for words in fields}


def _environment(seen: Seen) -> bool:
    found = dict(line.split("=", 1) for line in seen.lines("environment"))
    return {name: value for name, value in found.items() if name not in OF_SHELL_AND_IMAGE} == {
        "HOME": TEMPORARY,
        "USER": "sallyport-job",
        "LOGNAME": "sallyport-job",
        "OMP_NUM_THREADS": "1",
        "OPENSAFELY_BACKEND": "codes",
    }


def _hosts(seen: Seen) -> bool:
    names = {line.split()[1] for line in seen.lines("hosts")}
    return "localhost" in names and all(re.fullmatch(r"localhost|ip6-\w+", name) for name in names)


def _processes(seen: Seen) -> bool:
    states = seen.text("processes")
    return "sleeping" in states and "zombie" not in states


def _files(seen: Seen) -> bool:
    lines = [line for line in seen.lines("workspace")[1:] if not line.endswith(" ..")]
    return {tuple(line.split()[2:4]) for line in lines} == {("10000", "10000")}


CLAIMS: dict[str, Callable[[Seen], bool]] = {
    "no variables but those that are promised": _environment,
    "no names of neighbours": _hosts,
    "a name of its own that says nothing": lambda seen: (
        re.fullmatch(r"[0-9a-f]{12}", seen.text("hostname").strip()) is not None
    ),
    "an init as its first process": lambda seen: "docker-init" in seen.text("first"),
    "no dead processes": _processes,
    "a root that is read-only": lambda seen: "ro" in seen.mounts()["/"],
    "a workspace to write to": lambda seen: "rw" in seen.mounts()["/workspace"],
    "a temporary folder without devices and other accounts": lambda seen: (
        {"rw", "nosuid", "nodev"} <= seen.mounts()[TEMPORARY]
    ),
    "no socket of the engine": lambda seen: (
        not any("docker.sock" in target for target in seen.mounts())
    ),
    "files of its own account": _files,
    "a usual mask for new files": lambda seen: seen.text("umask").strip() == "0022",
}
"""Each promise by a few words, and whether what was seen keeps it."""
