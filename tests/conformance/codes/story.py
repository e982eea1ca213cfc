"""What happens, in order: each moment that a row of the table is about is kept as evidence."""

from __future__ import annotations

import stat

import requests
from tests.bench.runner.job_server import Accepted
from tests.bench.runner.moments import until
from tests.conformance.codes import study
from tests.conformance.codes.evidence import PATIENCE, File, Story
from tests.conformance.codes.gate import Hold
from tests.conformance.codes.rig import CLASSIC, Rig, docker, network

from sallyport_common.protocol import StatusCode
from sallyport_common.tokens import job_identifier

WORKERS = 3
LOOK = r"^GET \S+/containers/os-job-\w+/json"
REMOVE = r"^DELETE \S+/containers/os-job-\w+"
LOG = r"^GET \S+/containers/{}/logs"
CREATE = r"^POST \S+/containers/create"


def tell(rig: Rig) -> Story:
    """Let everything happen and return what was found."""
    story = Story(rig)
    try:
        ends(story)
        refusals(story)
        held(story)
        sandbox(story)
        too_late(story)
        lost_database(story)
        waiting_for_workers(story)
        waiting_for_the_database(story)
        faults(story)
        other_settings(story)
        another_runner(story)
    finally:
        story.close()
    return story


def ends(story: Story) -> None:
    """Let jobs end by themselves, or by their limits."""
    databases = [f"database{number}" for number in study.DATABASE_EXITS]
    alone = ["killed", "memory", "good", "exits", "part", "disk", "unmatched", "untagged"]
    names = [*alone, "withheld", "after_exits", "plan", *databases]
    request = story.ask("ends", *names)
    stale = story.ask("stale", "database2")
    story.rig.sign_again(stale.identifier, codelists_ok=False)
    expired = story.ask("expired", "good")
    story.rig.sign_again(expired.identifier, expires_at="2020-01-01T00:00:00Z")
    branch = story.ask("branch", "good", branch="other")
    story.rig.runner.start(WORKERS)
    for name in names:
        story.look(name, request.job(name))
    for case, refused in (("stale", stale), ("expired", expired), ("branch", branch)):
        story.look(case, job_identifier(refused.identifier, "__error__"))


def refusals(story: Story) -> None:
    """Pause, and let an input be missing."""
    runner = story.rig.runner
    runner.ask("POST", "/pause")
    paused = story.ask("paused", "good")
    story.look("paused", paused.job("good"), StatusCode.PAUSED)
    story.cancel(paused, "good")
    story.look("cancelled: paused", paused.job("good"))
    runner.ask("POST", "/unpause")
    first = story.ask("inputs", "first")
    story.wait(first.job("first"), StatusCode.SUCCEEDED)
    (runner.folder / "high/workspaces/inputs/output/first.txt").unlink()
    story.look("no input", story.ask("inputs", "second").job("second"))


def sandbox(story: Story) -> None:
    """Let jobs try what a sandbox has to endure; what they leave is looked at afterwards."""
    story.wait(story.ask("sandbox", "first").job("first"), StatusCode.SUCCEEDED)
    for name in ("spoil", "code", "odd", "around"):
        story.look(name, story.ask("sandbox", name).job(name), StatusCode.SUCCEEDED)
    folder = story.rig.runner.folder
    for place in ("high/workspaces/sandbox", "medium/workspaces/sandbox", "high/logs"):
        for path in (folder / place).rglob("*"):
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            name = path.relative_to(folder).as_posix()
            story.files[name] = File(data, status.st_mode, status.st_uid)


def held(story: Story) -> None:
    """Keep a job in each of its states while it runs, and cancel it there."""
    gate = story.rig.gate
    doubted = _doubted(story)
    for code, pattern in ((StatusCode.PREPARING, REMOVE), (StatusCode.PREPARED, CREATE)):
        hold = gate.hold(pattern)
        request = story.ask("held", "slow")
        story.look(code.value, request.job("slow"), code)
        story.cancel(request, "slow")
        hold.release()
        story.look(f"cancelled: {code.value}", request.job("slow"))
    request = story.ask("held", "slow")
    story.look("executing", request.job("slow"), StatusCode.EXECUTING)
    story.cancel(request, "slow")
    story.look("cancelled: executing", request.job("slow"))
    _ended(story, *doubted)


def _doubted(story: Story) -> tuple[Accepted, Hold]:
    """End a container as an engine that goes down does: the runner doubts that for a while.

    Its log, which is read when that is over, is kept.
    """
    request = story.ask("doubted", "slow")
    story.wait(request.job("slow"), StatusCode.EXECUTING)
    hold = story.rig.gate.hold(LOG.format(request.container("slow")))
    docker("kill", request.container("slow"))
    return request, hold


def _told(story: Story, request: Accepted, action: str) -> Hold:
    """Let a program end that waits for a signal; its log is kept."""
    story.wait(request.job(action), StatusCode.EXECUTING)
    hold = story.rig.gate.hold(LOG.format(request.container(action)))
    docker("kill", "--signal=USR1", request.container(action))
    hold.wait()
    return hold


def _ended(story: Story, executed: Accepted, hold: Hold) -> None:
    """Let the runner crash when two containers have ended and nothing is recorded."""
    gate, runner = story.rig.gate, story.rig.runner
    finalizing = story.ask("held", "empty")
    _told(story, finalizing, "empty")
    story.wait(finalizing.job("empty"), StatusCode.FINALIZING)
    hold.wait()
    runner.end()
    again = gate.hold(LOOK)
    gate.release(except_for=again)
    runner.start(WORKERS)
    story.look("executed", executed.job("slow"), StatusCode.EXECUTED)
    story.look("finalizing", finalizing.job("empty"), StatusCode.FINALIZING)
    story.cancel(executed, "slow")
    story.cancel(finalizing, "empty")
    again.release()
    story.look("cancelled: executed", executed.job("slow"))
    story.look("cancelled: finalizing", finalizing.job("empty"))


def too_late(story: Story) -> None:
    """Cancel when the outputs have their names: they are kept, and the job has succeeded."""
    request = story.ask("late", "signal")
    hold = _told(story, request, "signal")
    story.cancel(request, "signal")
    hold.release()
    story.look("cancelled too late", request.job("signal"))
    story.look("after it", story.ask("late", "third").job("third"))


def lost_database(story: Story) -> None:
    """Lose the runner's database while a job runs: the job is created again, and found."""
    gate, runner = story.rig.gate, story.rig.runner
    request = story.ask("lost", "slow")
    story.wait(request.job("slow"), StatusCode.EXECUTING)
    runner.end()
    for path in runner.database.parent.glob(f"{runner.database.name}*"):
        path.unlink()
    hold = gate.hold(LOOK, after=1)
    runner.start(WORKERS)
    story.look("created", request.job("slow"), StatusCode.CREATED)
    story.cancel(request, "slow")
    hold.release()
    story.look("cancelled: created", request.job("slow"))


def waiting_for_workers(story: Story) -> None:
    """Occupy all workers, and cancel what waits."""
    busy = story.ask("busy", "slow", "slow2", "slow3")
    for name in ("slow", "slow2", "slow3"):
        story.wait(busy.job(name), StatusCode.EXECUTING)
    queued = story.ask("queued", "good")
    story.look("no worker", queued.job("good"), StatusCode.WAITING_ON_WORKERS)
    story.cancel(queued, "good")
    story.look("cancelled: no worker", queued.job("good"))
    again = story.ask("busy", "slow")
    story.look("nothing to do", again.job("slow"))
    for case, cancelled in (("cancelled: needs", "after_slow"), ("need cancelled", "slow")):
        after = story.ask("busy", "after_slow")
        story.look("needs", after.job("after_slow"), StatusCode.WAITING_ON_DEPENDENCIES)
        story.cancel(busy if cancelled == "slow" else after, cancelled)
        story.look(case, after.job("after_slow"))
    interrupted(story, busy, "slow2")
    rebooting(story, busy)
    story.cancel(busy, "slow2")
    for name in ("slow", "slow2", "slow3"):
        story.wait(busy.job(name))


def interrupted(story: Story, request: Accepted, action: str) -> None:
    """Let runner and container end as they do when their host does."""
    runner, job = story.rig.runner, request.job(action)
    story.look("before", job, StatusCode.EXECUTING)
    runner.end()
    docker("rm", "--force", request.container(action))
    runner.start(WORKERS)

    def again() -> bool:
        codes = runner.journal(job)
        return "waiting_on_reboot" in codes and codes[-1] == "executing"

    until(again, "the interrupted job runs again", PATIENCE, 0.05)
    story.look("interrupted", job, StatusCode.EXECUTING)


def rebooting(story: Story, request: Accepted) -> None:
    """Prepare a reboot of the host while jobs run, and let them run again after it."""
    runner = story.rig.runner
    runner.ask("POST", "/prepare-reboot")
    story.look("reboot", request.job("slow2"), StatusCode.WAITING_ON_REBOOT)
    story.wait(request.job("slow3"), StatusCode.WAITING_ON_REBOOT)
    story.cancel(request, "slow3")
    story.look("cancelled: reboot", request.job("slow3"))
    runner.ask("POST", "/unpause")
    story.look("after the reboot", request.job("slow2"), StatusCode.EXECUTING)


def waiting_for_the_database(story: Story) -> None:
    """Occupy the database, close it under a job that runs, and kill the job when it runs again."""
    runner = story.rig.runner
    first, second = story.ask("query", "query"), story.ask("query2", "query2")
    story.wait(first.job("query"), StatusCode.EXECUTING)
    story.look("no database worker", second.job("query2"), StatusCode.WAITING_ON_DB_WORKERS)
    runner.ask("POST", "/db-maintenance/on")
    for case, job in (("closed", first.job("query")), ("still closed", second.job("query2"))):
        story.look(case, job, StatusCode.WAITING_DB_MAINTENANCE)
    story.cancel(second, "query2")
    story.look("cancelled: closed", second.job("query2"))
    runner.ask("POST", "/db-maintenance/off")
    story.look("open again", first.job("query"), StatusCode.EXECUTING)
    runner.ask("POST", f"/jobs/{first.job('query')}/kill")
    story.look("killed by hand", first.job("query"))


def faults(story: Story) -> None:
    """Take the network of the database away."""
    network("rm")
    try:
        story.look("no network", story.ask("network", "database3").job("database3"))
    finally:
        network("create", "--internal")


def other_settings(story: Story) -> None:
    """Run without a database, and with a limit on time that is soon reached."""
    runner = story.rig.runner
    runner.stop()
    runner.extra |= {"RUNNER_JOB_TIME_LIMIT": "2", "RUNNER_DATABASE_URL_FILE": ""}
    runner.start(WORKERS)
    slow, query = story.ask("limit", "slow"), story.ask("limit2", "database3")
    story.look("time", slow.job("slow"))
    story.look("no database", query.job("database3"))


def another_runner(story: Story) -> None:
    """Report `finalized` as OpenSAFELY's runners do; ours goes on to the end at once."""
    server = story.rig.server
    server.workspace("other", study.REPOSITORY)
    request = server.request(CLASSIC, "other", ["good"])
    job = request.job("good")
    row = {
        "identifier": job,
        "job_request_id": request.identifier,
        "action": "good",
        "run_command": "",
        "status": "running",
        "status_code": "finalized",
        "status_message": "Outputs recorded",
        "created_at": "2026-11-24T00:00:00Z",
        "updated_at": "2026-11-24T00:00:01Z",
        "started_at": "2026-11-24T00:00:00Z",
        "completed_at": None,
    }
    headers = {"Authorization": story.rig.classic_token}
    answer = requests.post(f"{server.url}/api/v2/jobs/", json=[row], headers=headers, timeout=30)
    assert answer.ok, answer.text
    story.look("finalized", job, StatusCode.FINALIZED)
