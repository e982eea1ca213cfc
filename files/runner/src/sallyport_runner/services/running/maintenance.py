"""The probe of database maintenance: a container asks the database whether jobs may use it now.

The rule is that of the job protocol: the probe runs every few minutes, and while the last line
that it printed contains `db-maintenance` the flag `mode` has that value and jobs with database
access wait. A probe that fails says nothing: the flag stays as it was.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sallyport_common.protocol import utc_now_text
from sallyport_runner.flags import Flag
from sallyport_runner.models import ContainerSpec, Job, JobRequest, Phase
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import Executor, ImageError, TransientError
from sallyport_runner.services.outputs.volumes import Volume, Volumes
from sallyport_runner.services.running.asking import NoAnswerError, answer
from sallyport_runner.services.running.registry import Images
from sallyport_runner.services.running.sandbox import MAINTENANCE, Sandbox
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
CLOSED = "db-maintenance"
"""What the last line of a probe contains while the database is closed."""
PLAN = "/plan"


@dataclass
class Said:
    """What the last probe found: when it ended, and its fault in a sentence if it failed."""

    at: str | None = None
    fault: str = ""


class Maintenance:
    """Runs the probe when it is due; `changed` is called after the flag was set.

    `clock` returns seconds since 1970; `wait` sleeps for some seconds.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor: Executor,
        volumes: Volumes,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings, self._store, self._executor = settings, store, executor
        self._volumes, self._changed = volumes, changed
        self._clock, self._wait = clock, wait
        self._images = Images(executor, settings.image_digests)
        self._sandbox, self._next, self._said = Sandbox(settings), 0.0, Said()

    @property
    def on(self) -> bool:
        """Return whether this backend has a probe."""
        return self._settings.maintenance_image is not None and not self._settings.dummy_data

    def begin(self) -> None:
        """Open a database that a probe closed which the settings no longer have."""
        if not self.on:
            self._set(closed=False)

    def step(self) -> None:
        """Run the probe if it is due, unless an operator has closed the database."""
        flags = self._store.flags()
        if not self.on or flags.manual_maintenance or self._clock() < self._next:
            return
        self._next = self._clock() + self._settings.maintenance_poll_interval
        try:
            self._set(closed=CLOSED in self._ask())
            self._said = Said(utc_now_text())
        except (TransientError, ImageError, NoAnswerError, OSError) as error:
            self._said = Said(utc_now_text(), f"The probe of the database failed: {error}.")
            log.warning("%s Whether jobs may use it stays as it was.", self._said.fault)
        metrics.MAINTENANCE_FAULTS.set(bool(self._said.fault))

    def to_wire(self) -> dict[str, Any]:
        """Return what operators are shown."""
        closed = self._store.flags().on(Flag.MODE)
        return {"on": self.on, "closed": closed, "asked_at": self._said.at} | (
            {"fault": self._said.fault} if self._said.fault else {}
        )

    def _set(self, *, closed: bool) -> None:
        if self._store.flags().on(Flag.MODE) is closed:
            return
        log.info("the database is %s", "closed for maintenance" if closed else "open again")
        self._store.set_flag(Flag.MODE, closed, utc_now_text())
        self._changed()

    def _ask(self) -> str:
        """Return the last line of a probe."""
        name = self._sandbox.own(MAINTENANCE)
        volume = self._volumes.of(name)
        spec = self._specification(name, volume)
        try:
            volume.make()
            for folder in (volume.workspace, volume.execution):
                volume.add(folder)
                volume.hand_over(folder)
            volume.write_secret(self._sandbox.database_url())
            return answer(self._executor, spec, self._clock, self._wait)
        finally:
            self._executor.remove(spec.name)
            volume.remove()

    def _specification(self, name: str, volume: Volume) -> ContainerSpec:
        """Return that of a job which reaches the database, with the probe's command and no plan."""
        wanted = str(self._settings.maintenance_image)
        image = self._images.get(wanted)
        job = Job(
            id=name, request_id=name, workspace=name, action=name, words=[wanted],
            image=image.reference, requires_db=True,
            phase=Phase.EXECUTE if image.has_phases else Phase.RUN,
        )  # fmt: skip
        spec = self._sandbox.specification(job, _request(name), volume)
        return replace(
            spec,
            command=shlex.split(self._settings.maintenance_command),
            # Of no backend: what looks for jobs of ours does not find it.
            labels=spec.labels | {"org.sallyport.backend": ""},
            mounts=[mount for mount in spec.mounts if mount.target != PLAN],
        )


def _request(name: str) -> JobRequest:
    return JobRequest(
        identifier=name, payload_digest="", workspace=name, repo="", branch="", sha="",
        requested_actions=[name],
    )  # fmt: skip
