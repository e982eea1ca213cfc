"""Removes images of jobs that a newer one replaced and no job has used for a while."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sallyport_common.protocol import parse_utc
from sallyport_runner.models import StoredImage
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
DAY = 86400.0
EVERY = 3600.0


class ImagePruner:
    """Prunes what the runner pulled by digest; an image with a tag or from elsewhere is kept."""

    def __init__(
        self,
        keep_days: int,
        store: Store,
        executor: Executor,
        clock: Callable[[], float],
        also: Callable[[], str] = lambda: "",
    ) -> None:
        """Count the image that `also` names as used now, beside those of jobs."""
        self._keep, self._store, self._executor = keep_days * DAY, store, executor
        self._clock, self._due, self._also = clock, clock(), also

    def step(self) -> None:
        """Remove superseded images once an hour."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + EVERY
        uses = {
            reference: parse_utc(moment).timestamp()
            for reference, moment in self._store.image_uses().items()
        }
        uses[self._also()] = now
        for reference in superseded(self._executor.images(), uses, now - self._keep):
            if self._executor.remove_image(reference):
                metrics.PRUNED_IMAGES.inc()
                log.info("image removed", extra={"image": reference})


def superseded(
    images: Sequence[StoredImage], uses: Mapping[str, float], before: float
) -> list[str]:
    """Return the references to remove: neither the newest of a repository nor used since `before`.

    `uses` has the moment of the last use by reference. The newest is the one used last, or, where
    none was used, the one built last.
    """
    repositories: defaultdict[str, list[StoredImage]] = defaultdict(list)
    for image in images:
        repositories[image.reference.partition("@")[0]].append(image)
    removed = []
    for group in repositories.values():
        group.sort(key=lambda image: (uses.get(image.reference, 0.0), image.created))
        removed += [image.reference for image in group[:-1]]
    return [reference for reference in removed if uses.get(reference, 0.0) < before]
