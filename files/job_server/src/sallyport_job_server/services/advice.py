"""What to do about a job's status code, for the people who asked for the job."""

from __future__ import annotations

from sallyport_common.protocol import StatusCode

_ADVICE = {
    StatusCode.PAUSED: "The backend is paused. The job starts by itself afterwards.",
    StatusCode.WAITING_DB_MAINTENANCE: (
        "The database is under maintenance. The job starts by itself afterwards."
    ),
    StatusCode.WAITING_ON_REBOOT: (
        "The backend's host is about to restart. The job starts by itself afterwards."
    ),
    StatusCode.DEPENDENCY_FAILED: (
        "An action that it needs failed. Look at that one first, then run this again."
    ),
    StatusCode.NONZERO_EXIT: (
        "The program itself ended with an error. Its log, in the secure zone, says why. If it runs "
        "on your computer, with dummy data, look for what the real data have in addition."
    ),
    StatusCode.CANCELLED_BY_USER: "Somebody cancelled it. Run it again when you need it.",
    StatusCode.UNMATCHED_PATTERNS: (
        "The program ran, and some outputs of project.yaml are missing. Compare their patterns "
        "with the files that the program writes: folders, spelling, extension."
    ),
    StatusCode.INTERNAL_ERROR: (
        "The platform failed, not your code. Run it again; if that fails too, tell the "
        "backend's operators the identifier of this job."
    ),
    StatusCode.KILLED_BY_ADMIN: "An operator of the backend stopped it. Ask there why.",
    StatusCode.STALE_CODELISTS: (
        "The codelists in the repository are older than their source. Update them, commit, and "
        "run it again."
    ),
    StatusCode.INVALID_REQUEST: "Change what the message says, commit, and submit again.",
    StatusCode.JOB_ERROR: "Change what the message says, commit, and submit again.",
}


def advice(code: str) -> str:
    """Return what to do about a status code; nothing for one that needs no advice."""
    return _ADVICE[StatusCode(code)] if code in set(_ADVICE) else ""
