"""The probe of database maintenance: a container asks the database whether jobs may use it now.

The rule is that of the job protocol: the probe runs every few minutes, and while the last line
that it printed contains `db-maintenance` the flag `mode` has that value and jobs with database
access wait. A probe that fails says nothing: the flag stays as it was.
"""

from __future__ import annotations

import logging
import math
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sallyport_common.protocol import utc_now_text
from sallyport_common.redaction import Redactor
from sallyport_runner.flags import Flag
from sallyport_runner.models import ContainerSpec, Job, JobRequest, Phase, container_name
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import ImageError, TransientError
from sallyport_runner.services.outputs.volumes import Volume
from sallyport_runner.services.running.asking import NoAnswerError, answer
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.registry import Images
from sallyport_runner.services.running.sandbox import MAINTENANCE, Sandbox

log = logging.getLogger(__name__)
CLOSED = "db-maintenance"
"""What the last line of a probe contains while the database is closed."""
PLAN = "/plan"


RETRY = 60.0
LONGEST = 200
"""Characters of a fault that are shown."""


@dataclass
class Said:
    """What the last probe found: when it ended, and its fault in a sentence if it failed."""

    at: str | None = None
    fault: str = ""


class Maintenance:
    """Runs the probe when it is due; `changed` is called after the flag was set.

    No probe runs while the sandbox is not what it should be: it would know the database's address.
    `ticks` returns seconds that no change of the clock disturbs; `wait` sleeps for some.
    """

    def __init__(
        self,
        outside: Outside,
        changed: Callable[[], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        settings = outside.settings
        self._settings, self._store, self._executor = settings, outside.store, outside.executor
        self._volumes, self._self_test, self._ticks = (
            outside.volumes, outside.self_test, outside.ticks
        )  # fmt: skip
        self._changed, self._wait = changed, wait
        self._images = Images(outside.executor, settings.image_digests, outside.ticks)
        self._redactor = Redactor(settings.secrets())
        self._sandbox, self._next, self._said = Sandbox(settings), -math.inf, Said()
        self._name, self._tidy = self._sandbox.own(MAINTENANCE), False
        self.image = ""

    @property
    def on(self) -> bool:
        """Return whether this backend has a probe."""
        return self._settings.maintenance_image is not None and not self._settings.dummy_data

    def step(self) -> None:
        """Run the probe if it is due, unless an operator has closed the database.

        Without a probe, what an earlier one closed is opened, and what it left is removed.
        """
        if not self.on:
            self._end()
        elif not (
            self._self_test.faults
            or self._store.flags().manual_maintenance
            or self._ticks() < self._next
        ):
            self._probe()

    def _end(self) -> None:
        if not self._tidy:
            self._remove()
            self._set(closed=False)
            self._tidy = True

    def _probe(self) -> None:
        interval, fault = self._settings.maintenance_poll_interval, ""
        try:
            self._set(closed=CLOSED in self._ask())
        except (TransientError, ImageError, NoAnswerError) as error:
            fault = self._redactor.text(str(error))[:LONGEST]
        except Exception as error:  # what it is about must not keep the next probe from running
            log.exception("internal error of the probe")
            fault = type(error).__name__
        if fault:
            fault = f"The probe of the database failed: {fault}."
            log.warning("%s Whether jobs may use it stays as it was.", fault)
        self._next = self._ticks() + (min(RETRY, interval) if fault else interval)
        self._said = Said(utc_now_text(), fault)
        metrics.MAINTENANCE_FAULTS.set(bool(fault))

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
        if not self._executor.network_exists(self._settings.database_access_network):
            raise NoAnswerError("the network of database jobs is missing")
        volume = self._volumes.of(self._name)
        spec = self._specification(volume)
        try:
            volume.make()
            for folder in (volume.workspace, volume.execution):
                volume.add(folder)
                volume.hand_over(folder)
            volume.write_secret(self._sandbox.database_url())
            return answer(self._executor, spec, self._ticks, self._wait)
        finally:
            self._remove()

    def _remove(self) -> None:
        """Remove what a probe needs: the volume, which has the database's address, in any case."""
        try:
            self._executor.remove(container_name(self._name, Phase.RUN))
        finally:
            self._volumes.of(self._name).remove()

    def _specification(self, volume: Volume) -> ContainerSpec:
        """Return that of a job which reaches the database, with the probe's command and no plan."""
        name, wanted = self._name, str(self._settings.maintenance_image)
        image = self._images.get(wanted)
        self.image = image.reference
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
