"""The collaborators of the run loop, put together in one place for the daemon and for tests."""

from __future__ import annotations

from dataclasses import dataclass

from sallyport_runner.services.checkouts import Checkouts
from sallyport_runner.services.git import Git
from sallyport_runner.services.keeping.archives import Archives
from sallyport_runner.services.keeping.retention import Retention
from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.outputs.finalise import Finaliser
from sallyport_runner.services.outputs.publish import PrivacyTrees
from sallyport_runner.services.requests.admission import Admission
from sallyport_runner.services.requests.recovery import Recovery
from sallyport_runner.services.running.limits import Limits
from sallyport_runner.services.running.maintenance import Maintenance
from sallyport_runner.services.running.obstacles import Obstacles
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.queue import Queue
from sallyport_runner.services.running.reboot import Reboot
from sallyport_runner.services.running.roster import Roster
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.space import Space
from sallyport_runner.services.running.stages import Stages
from sallyport_runner.services.running.supervision import Supervision
from sallyport_runner.services.running.timers import Timers


@dataclass(frozen=True, kw_only=True)
class Parts(Outside):
    """The collaborators of the run loop."""

    sandbox: Sandbox
    space: Space
    limits: Limits
    obstacles: Obstacles
    maintenance: Maintenance
    reboot: Reboot
    roster: Roster
    timers: Timers
    queue: Queue
    admission: Admission
    archives: Archives
    retention: Retention
    stages: Stages
    privacy_trees: PrivacyTrees
    finaliser: Finaliser
    supervision: Supervision


def build(outside: Outside) -> Parts:
    """Return the parts for what comes from outside."""
    settings, store, executor = outside.settings, outside.store, outside.executor
    volumes, sandbox = outside.volumes, Sandbox(settings)
    source = Git(settings.workdir / "repos", settings.github_proxy, settings.ca_file)
    checkouts = Checkouts(settings.workdir / "code", source)
    recovery = Recovery(Archive(settings), executor, volumes)
    privacy_trees, roster = PrivacyTrees(settings), Roster(store)
    space = Space(settings, executor)
    archives = Archives(settings, store)
    return Parts(
        **vars(outside),
        sandbox=sandbox,
        space=space,
        limits=Limits(settings, sandbox, outside.ticks),
        obstacles=Obstacles(space, outside.self_test),
        maintenance=_maintenance(outside),
        reboot=Reboot(store, outside.boot),
        roster=roster,
        timers=Timers(outside.ticks),
        queue=Queue(settings, sandbox, store.last_served()),
        admission=Admission(settings, store, source, checkouts, recovery),
        archives=archives,
        retention=Retention(settings, store, archives, outside.clock),
        stages=Stages(settings, store, executor, checkouts, volumes),
        privacy_trees=privacy_trees,
        finaliser=Finaliser(settings, executor, volumes, privacy_trees),
        supervision=Supervision(
            settings,
            roster,
            executor,
            volumes,
            outside.background,
            outside.ticks,
        ),
    )


def _maintenance(outside: Outside) -> Maintenance:
    def changed() -> None:
        outside.inbox.everything()
        outside.changed(True)

    return Maintenance(outside, changed)
