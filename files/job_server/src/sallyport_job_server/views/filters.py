"""What templates may call: dates, sizes, who is logged in."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask

from sallyport_common.protocol import LONGEST_SILENCE, OPEN_STATES, parse_utc
from sallyport_job_server.models import Backend, Job
from sallyport_job_server.roles import Permission, permissions_of
from sallyport_job_server.services import clock, notices
from sallyport_job_server.services.tidying import PATIENCE
from sallyport_job_server.views.context import services, session_user

NOTHING = "-"


def moment(text: str | None) -> str:
    """Return a wire time for people: `24 Nov 2026, 23:41 UTC`."""
    if not text:
        return NOTHING
    return parse_utc(text).strftime("%-d %b %Y, %H:%M UTC")


def duration(start: str | None, end: str | None) -> str:
    """Return how long something took, or has taken until now."""
    if not start:
        return NOTHING
    last = parse_utc(end) if end else datetime.now(UTC)
    seconds = max(0, int((last - parse_utc(start)).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def size(number: int) -> str:
    """Return a number of bytes for people."""
    if number < 1024:
        return f"{number} bytes"
    if number < 1024 * 1024:
        return f"{number / 1024:.1f} KiB"
    return f"{number / 1024 / 1024:.1f} MiB"


SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad",
           "Mac OS X": "macOS", "Linux": "Linux"}  # fmt: skip
BROWSERS = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
"""Parts of what browsers say of themselves; of several, a browser comes before its ancestors."""


def browser(agent: str) -> str:
    """Return what a browser says it is for people: `Firefox on Linux`."""
    name = next((shown for part, shown in BROWSERS.items() if part in agent), "A program")
    system = next((shown for part, shown in SYSTEMS.items() if part in agent), "")
    return f"{name} on {system}" if system else name


def is_late(moment_text: str) -> bool:
    """Return whether what was announced then should have arrived by now."""
    return clock.seconds_since(moment_text) > PATIENCE


def anchored(action: str) -> tuple[str, str]:
    """Return an action and the place on the page of its choice."""
    return action, f"#action-{action}"


def words(name: str) -> str:
    """Return a name of ours as words: `output_checker` is `output checker`."""
    return str(name).replace("_", " ")


def _is_staff() -> bool:
    user = session_user()
    return user is not None and Permission.STAFF_AREA_ACCESS in permissions_of(user.roles)


def _backend_notices() -> list[tuple[Backend, list[str]]]:
    """Return what makes jobs wait at the backends of the person who is logged in."""
    user = session_user()
    mine = services().backends.of(user) if user else []
    return [(backend, said) for backend in mine if (said := notices.of(backend))]


def silence(job: Job) -> str:
    """Return for how long nothing was heard of a job that is open, if that is too long."""
    heard = job.updated_at or job.created_at
    if job.status not in OPEN_STATES or clock.seconds_since(heard) < LONGEST_SILENCE:
        return ""
    return duration(heard, None)


def _publications_waiting() -> int | None:
    """Return how many sets wait for the person who is logged in; None for who cannot decide."""
    user = session_user()
    if user is None or Permission.SNAPSHOT_PUBLISH not in permissions_of(user.roles):
        return None
    return services().snapshots.waiting(user)


def install(app: Flask) -> None:
    """Hand these to the templates of an application."""
    app.jinja_env.filters.update(
        anchored=anchored,
        browser=browser,
        is_late=is_late,
        moment=moment,
        notices=notices.of,
        size=size,
        words=words,
    )
    app.jinja_env.globals.update(
        session_user=session_user,
        is_staff=_is_staff,
        publications_waiting=_publications_waiting,
        backend_notices=_backend_notices,
        silence=silence,
        duration=duration,
        open_states=OPEN_STATES,
        provider_name=lambda: services().identities.name,
        has_mail=lambda: services().messages.has_mail,
    )
