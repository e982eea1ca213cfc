"""Write what the demo inventory needs to know of this machine: its package archives.

The file is `inventories/demo/group_vars/all/machine.yml`, which git ignores: a machine's own
sources are nobody else's business.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import yaml

import debian
from console import ROOT

TARGET = ROOT / "inventories/demo/group_vars/all/machine.yml"

Source = tuple[str, list[str], list[str]]
"""Address, suites, components."""


def stanzas(text: str) -> Iterator[Source]:
    """Read the deb822 form of a source file."""
    for block in text.split("\n\n"):
        fields = {}
        for line in block.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith(("#", " ")):
                fields[name.strip().lower()] = value.split()
        if "deb" in fields.get("types", []):
            for address in fields["uris"]:
                yield address, fields["suites"], fields.get("components", [])


def lines(text: str) -> Iterator[Source]:
    """Read the one-line form of a source file."""
    for line in text.splitlines():
        words = line.partition("]")[2].split() if "[" in line else line.split()[1:]
        if line.startswith("deb ") and len(words) >= 2:
            yield words[0], [words[1]], words[2:]


def sources(release: str) -> Iterator[Source]:
    """Yield every source of this machine that is for its release."""
    for path in debian.package_sources(release):
        read = stanzas if path.suffix == ".sources" else lines
        for address, suites, components in read(path.read_text(encoding="utf-8")):
            wanted = [name for name in suites if name.partition("-")[0] == release]
            if wanted:
                yield address, wanted, components


def archives(release: str) -> list[dict[str, object]]:
    """Return one entry per archive, named after the last part of its path."""
    found: dict[str, dict[str, list[str] | str]] = {}
    for address, suites, components in sources(release):
        name = urlsplit(address).path.strip("/").rpartition("/")[2]
        entry = found.setdefault(
            name, {"name": name, "url": address.rstrip("/"), "suites": [], "components": components}
        )
        entry["suites"] = sorted({*entry["suites"], *suites})
    return [dict(entry) for entry in found.values()]


def main() -> int:
    """Write the file if it is not current."""
    text = yaml.safe_dump({"site_archives": archives(debian.suite())}, sort_keys=False)
    if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        TARGET.write_text(text, encoding="utf-8")
        print(f"wrote {Path(TARGET).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
