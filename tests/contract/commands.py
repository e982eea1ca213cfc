"""The commands that the pages for operators name, verbatim."""

from __future__ import annotations

import re
from pathlib import Path

from repository import ROOT

PAGES = [
    *sorted((ROOT / "docs/operators").glob("*.md")),
    ROOT / "inventories/README.md",
    ROOT / "README.md",
]
HOST = ("sudo", "systemctl", "journalctl", "getent", "nft")
"""Words that begin what people type on a host; everything else is typed on the controller."""
CONTROLLER = (
    "ansible", "ansible-playbook", "make", "git", "cp", "cd", "export", "python3", ".", "sallyport",
)  # fmt: skip
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def of_page(page: Path) -> list[str]:
    """Return the commands of a page: each line of its blocks, and those inside its sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for kind, block in BLOCK.findall(text) if kind == "sh"]
    lines = [line for block in blocks for line in block.splitlines()]
    quoted = [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", BLOCK.sub("", text))]
    inside = [found for found in quoted if " " in found and found.split()[0] in HOST + CONTROLLER]
    return [line for line in lines if line and not line.startswith("#")] + inside


def commands() -> list[str]:
    """Return every command of every page, each once."""
    return list(dict.fromkeys(command for page in PAGES for command in of_page(page)))


def on_hosts() -> list[str]:
    """Return the commands that are typed on a host."""
    return [command for command in commands() if command.split()[0] in HOST]


def on_the_controller() -> list[str]:
    """Return the commands that are typed on the controller."""
    return [command for command in commands() if command.split()[0] not in HOST]
