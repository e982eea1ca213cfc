"""What a backend's flags mean to people whose jobs wait."""

from __future__ import annotations

from sallyport_job_server.models import Backend

_SENTENCES = {
    ("paused", "true"): "It is paused: pending jobs wait.",
    ("mode", "db-maintenance"): ("The database is under maintenance: jobs that need it wait."),
    ("manual-db-maintenance", "on"): ("The database is under maintenance: jobs that need it wait."),
    ("reboot", "true"): (
        "Its host is about to be restarted: jobs start again afterwards by themselves."
    ),
    ("low-disk", "true"): "It has too little free disk space: pending jobs wait.",
    ("self-test", "failed"): "The self-test of its sandbox has not passed: pending jobs wait.",
}


def of(backend: Backend) -> list[str]:
    """Return a sentence for each flag that makes jobs wait."""
    found = [
        sentence
        for (flag, value), sentence in _SENTENCES.items()
        if (backend.flags.get(flag) or {}).get("v") == value
    ]
    return list(dict.fromkeys(found))
