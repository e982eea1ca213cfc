"""Superseded images go after a while; the newest of a repository and the used ones stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.runner.made import fill, job
from tests.unit.runner.rig import MemoryExecutor

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import StoredImage
from sallyport_runner.services.running.images import DAY, EVERY, ImagePruner, superseded
from sallyport_runner.storage.sql import SqlStore

NOW = 1_800_000_000.0
OLD, NEW, NEWEST, OTHER = "p/python@1", "p/python@2", "p/python@3", "p/r@1"


def stored(*references: str) -> list[StoredImage]:
    """Return images, each built a day after the one before."""
    return [StoredImage(reference=name, created=n * DAY) for n, name in enumerate(references)]


@pytest.mark.parametrize(
    ("images", "uses", "removed"),
    [
        ([], {}, []),
        ([OLD], {}, []),
        ([OLD], {OLD: 1.0}, []),
        ([OLD, NEW], {}, [OLD]),
        ([OLD, NEW], {OLD: 1.0, NEW: 2.0}, [OLD]),
        ([OLD, NEW], {OLD: 2.0, NEW: 1.0}, [NEW]),
        ([OLD, NEW], {OLD: 11.0, NEW: 12.0}, []),
        ([OLD, NEW, NEWEST], {OLD: 1.0, NEW: 11.0, NEWEST: 12.0}, [OLD]),
        ([OLD, NEW, NEWEST], {}, [OLD, NEW]),
        ([OLD, OTHER], {}, []),
    ],
)
def test_what_is_superseded(images: list[str], uses: dict[str, float], removed: list[str]) -> None:
    assert superseded(stored(*images), uses, before=10.0) == removed


class Images(MemoryExecutor):
    """An engine with two images of one repository."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.removed: list[str] = []
        self.used = False

    def images(self) -> list[StoredImage]:
        return stored(*({OLD: 0, NEW: 0}.keys() - set(self.removed)))

    def remove_image(self, reference: str) -> bool:
        if not self.used:
            self.removed.append(reference)
        return not self.used


@pytest.mark.parametrize(("days", "removed"), [(29, []), (31, [OLD])])
def test_an_image_is_kept_for_some_days_after_its_last_job(
    store: SqlStore, days: int, removed: list[str]
) -> None:
    fill(store, job(1), job(2), job(3, code=StatusCode.SUCCEEDED))
    store.update("job1", image=OLD, updated_at="2027-01-15T08:00:00Z")
    store.update("job2", image=NEW, updated_at="2027-01-15T09:00:00Z")
    last = 1_800_000_000.0  # 2027-01-15T08:00:00Z
    engine = Images(lambda: last)
    ImagePruner(30, store, engine, lambda: last + days * DAY).step()
    assert engine.removed == removed


def test_it_looks_once_an_hour_and_leaves_what_a_container_uses(
    store: SqlStore, tmp_path: Path
) -> None:
    assert tmp_path.exists()
    now = [NOW]
    engine = Images(lambda: now[0])
    engine.used = True
    pruner = ImagePruner(1, store, engine, lambda: now[0])
    pruner.step()
    engine.used = False
    pruner.step()
    assert engine.removed == []
    now[0] += EVERY
    pruner.step()
    assert len(engine.removed) == 1
