"""The daemon: sync loops, run loop and admin socket over one database that only it opens."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

from waitress.server import create_server

from sallyport_common import systemd
from sallyport_common.backoff import Backoff
from sallyport_common.loop import Heart, StopSignal, notify, run_loop, watchdog_interval
from sallyport_common.versions import package_version
from sallyport_runner.app import NAME, create_app
from sallyport_runner.services import metrics
from sallyport_runner.services.control import Control
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.requests import fronts
from sallyport_runner.services.requests.server import ServerError
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.running.background import Threads
from sallyport_runner.services.running.engine import DockerExecutor
from sallyport_runner.services.running.images import ImagePruner
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.loop import LONGEST_REST, RunLoop
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.parts import build
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.selftest import SelfTest
from sallyport_runner.services.running.sweeper import Sweeper
from sallyport_runner.settings import Settings

log = logging.getLogger(__name__)
HEART_LIMIT = 300.0
SWEEP_INTERVAL = 60.0
SELF_TEST_INTERVAL = 10.0
PROBE_INTERVAL = 10.0
SHORTEST_POLL = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between tries of a loop that failed for a reason of its own, as on a full disk."""
LISTEN_AGAIN = 1.0
"""Seconds after which the engine is asked for its events again."""


class HungStepError(Exception):
    """A step of a job that was given up has not ended: only the end of the process ends it."""


class Daemon:
    """All parts of the runner, put together from settings."""

    def __init__(self, settings: Settings, stopper: StopSignal) -> None:
        self._settings, self._stopper = settings, stopper
        self._heart = Heart(HEART_LIMIT)
        self._sync = SyncState()
        executor = DockerExecutor(
            settings.docker_proxy, settings.image_pull_timeout, images=settings.images
        )
        self._executor = executor
        self._inbox = Inbox()
        volumes = Volumes(settings.volumes)
        ends = fronts.Ends(
            settings=settings,
            executor=executor,
            volumes=volumes,
            state=self._sync,
            news=self._inbox,
            user_agent=f"{NAME}/{package_version(NAME)}",
            positions=self._positions,
            beat=lambda: self._heart.beat("listen"),
        )
        self._front = front = fronts.build(ends)
        self._store = front.store
        outside = Outside(
            settings=settings,
            store=self._store,
            executor=executor,
            volumes=volumes,
            background=Threads(self._inbox.step_done),
            changed=front.reporter.wake,
            inbox=self._inbox,
            self_test=SelfTest(Sandbox(settings), executor, volumes),
            boot=systemd.boot_name(),
        )
        parts = build(outside)
        self._queue, self._loop = parts.queue, RunLoop(parts)
        self._pruner = ImagePruner(
            settings.image_keep_days,
            self._store,
            executor,
            time.time,
            lambda: parts.maintenance.image,
        )
        self._sweeper = Sweeper(settings, self._store, executor, volumes)
        self._self_test, self._retention = parts.self_test, parts.retention
        self._maintenance = parts.maintenance
        self._control = Control(parts, self._sync, self._sweeper)
        metrics.count_jobs(self._store.counts)

    def run(self) -> None:
        """Run until the process is asked to stop, and feed the watchdog while all loops beat."""
        self._serve(systemd.listen_sockets().get("admin"))
        self._start("listen", self._listen, 0.0)
        self._start("report", self._report, 0.0)
        self._start("run", self._run, 0.0)
        self._start("engine", self._follow, 0.0, watched=False)
        self._start("self-test", self._test_sandbox, SELF_TEST_INTERVAL)
        self._start("sweep", self._sweep, SWEEP_INTERVAL)
        # Not watched: its image may take as long to fetch as that of a job.
        self._start("maintenance", self._maintenance.step, PROBE_INTERVAL, watched=False)
        notify("READY=1")
        known = self._settings
        extra = {"backend": known.backend, "job_server": known.job_server.value}
        log.info("runner started", extra=extra)
        pause = watchdog_interval() or 1.0
        while not self._stopper.wait(pause):
            if self._loop.hung:
                raise HungStepError("a step hangs; the service starts again to be rid of it")
            if self._heart.alive():
                notify("WATCHDOG=1")
        notify("STOPPING=1")

    def _start(
        self, name: str, step: Callable[[], None], interval: float, *, watched: bool = True
    ) -> None:
        """Run a loop; one that is `watched` has to beat often enough for the watchdog."""

        def beat() -> None:
            if watched:
                self._heart.beat(name)

        beat()
        longest = 12 * self._settings.poll_interval
        expected = Backoff(self._settings.poll_interval, longest)
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)

        def patient() -> None:
            try:
                step()
                expected.reset()
            except (ServerError, TransientError) as error:
                pause = expected.next()
                log.warning("%s", error, extra={"loop": name, "retry_seconds": round(pause, 1)})
                self._stopper.wait(pause)

        arguments = (name, patient, interval, self._stopper, backoff, beat)
        threading.Thread(target=run_loop, args=arguments, name=name, daemon=True).start()

    def _listen(self) -> None:
        """Ask for requests; a server that cannot hold the question is asked at intervals."""
        begin = time.monotonic()
        held = self._front.listener.step()
        least = SHORTEST_POLL if held else self._settings.poll_interval
        self._stopper.wait(max(0.0, least - (time.monotonic() - begin)))

    def _test_sandbox(self) -> None:
        """Run the self-test when it is due: before the first job, daily, and while it fails."""
        if self._self_test.due():
            self._self_test.run()
            metrics.SELF_TEST_FAULTS.set(len(self._self_test.faults))
            self._inbox.everything()

    def _positions(self) -> dict[str, int]:
        return self._queue.positions()

    def _run(self) -> None:
        self._loop.step(LONGEST_REST)

    def _follow(self) -> None:
        """Tell the loop which containers end; what ended while nobody listened is looked for."""
        try:
            for name in self._executor.ends(self._settings.backend):
                if name:
                    self._inbox.ended(name)
                else:
                    self._inbox.hears()
        except TransientError as error:
            log.warning("%s", error, extra={"loop": "engine", "retry_seconds": LISTEN_AGAIN})
        finally:
            self._inbox.deaf()
        self._stopper.wait(LISTEN_AGAIN)

    def _sweep(self) -> None:
        self._sweeper.step()
        self._pruner.step()
        self._retention.step()

    def _report(self) -> None:
        self._front.reporter.wait()
        self._front.reporter.step()

    def _serve(self, handed_over: socket.socket | None) -> None:
        """Answer on the admin socket, which systemd opened."""
        if handed_over is None:
            log.warning("no admin socket was handed over")
            return
        app = create_app(self._control, {"store": self._check_store, "loops": self._check_loops})
        server = create_server(app, sockets=[handed_over], threads=4)
        threading.Thread(target=server.run, name="admin", daemon=True).start()

    def _check_store(self) -> None:
        self._store.counts()

    def _check_loops(self) -> None:
        if not self._heart.alive():
            raise RuntimeError("a loop has stalled")
