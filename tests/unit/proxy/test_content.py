"""The cache: whole files only, readable by the group, the longest unused evicted first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sallyport_proxy.models import Refusal
from sallyport_proxy.services.keyed_locks import KeyedLocks
from sallyport_proxy.services.transfer import pass_on
from sallyport_proxy.storage.content import SCAN_INTERVAL, ContentStore


def put(store: ContentStore, key: str, data: bytes) -> None:
    """Keep some bytes."""
    with store.writer(key) as writer:
        writer.write(data)
        writer.keep()


def test_what_is_kept_is_found_and_what_is_not_leaves_nothing(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, 1000)
    put(store, "a/b", b"data")
    with store.writer("a/c") as writer:
        writer.write(b"half")
    found = store.find("a/b")
    assert found
    assert (found.read_bytes(), found.stat().st_mode & 0o777) == (b"data", 0o640)
    assert store.find("a/c") is None
    assert not list((tmp_path / "incoming").iterdir())


def test_left_overs_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming/half").write_bytes(b"half")
    ContentStore(tmp_path, 1000)
    assert not list((tmp_path / "incoming").iterdir())


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    clock = [0.0]
    store = ContentStore(tmp_path, 250, clock=lambda: clock[0])
    for age, key in enumerate(("new", "older", "oldest"), 1):
        put(store, key, b"x" * 100)
        os.utime(tmp_path / key, (1_000_000 - age, 0))
    clock[0] = SCAN_INTERVAL
    put(store, "next", b"")
    assert [key for key in ("new", "older", "oldest") if store.find(key)] == ["new", "older"]


def test_the_last_piece_waits_for_the_verdict(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, 1000)
    sent = pass_on(iter([b"one", b"two"]), store.writer("x"), lambda _written: False)
    assert next(sent) == b"one"
    with pytest.raises(Refusal):
        next(sent)
    assert store.find("x") is None
    good = pass_on(iter([b"one", b"two"]), store.writer("x"), lambda _written: True)
    assert list(good) == [b"one", b"two"]
    assert store.find("x")


def test_a_lock_is_not_waited_for_longer_than_said() -> None:
    locks = KeyedLocks(0.01)
    locks.acquire("a")
    locks.acquire("b")
    with pytest.raises(Refusal):
        locks.acquire("a")
    locks.release("a")
    locks.acquire("a")
