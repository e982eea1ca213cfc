"""The name of a boot: the same for a service that starts again, another after a reboot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sallyport_common.systemd import boot_name


def test_a_boot_has_one_name_until_its_folder_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    first = boot_name()
    assert len(first) == 32
    assert boot_name() == first
    (tmp_path / "boot").unlink()  # as a reboot does with all that is in /run
    assert boot_name() not in {first, ""}


def test_without_a_folder_the_boot_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert boot_name() == ""
