"""Values that several roles share are written in `roles/site/vars` and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from repository import ROLES, ROOT, read

HOME = ROOT / "roles/site/vars/main.yml"


def leaves(value: object) -> Iterator[str]:
    """Yield the strings and numbers of a value, as they are written."""
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    else:
        yield str(value)


# The name of an account is also that of its component's command, which no role shares.
SHARED = sorted(value for value in leaves(read(HOME)) if not value.startswith("sallyport-"))
FILES = [
    path
    for role in ROLES
    for folder in ("defaults", "files", "handlers", "tasks", "templates", "vars")
    for path in sorted((role / folder).rglob("*"))
    if path.is_file() and path.suffix != ".pyc"
]


@pytest.mark.parametrize("value", SHARED)
def test_a_shared_value_has_one_home(value: str) -> None:
    assert [path for path in FILES if value in path.read_text("utf-8")] == [HOME]
