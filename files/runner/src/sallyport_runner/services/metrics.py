"""What the runner counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

JOBS = Gauge("sallyport_runner_jobs", "Jobs by status code.", ["code"])
LAST_CONTACT = Gauge("sallyport_runner_last_contact_seconds", "When the job server last answered.")
SYNC_FAILURES = Counter("sallyport_runner_sync_failures", "Failed calls, by loop.", ["loop"])
REFUSED_REQUESTS = Counter(
    "sallyport_runner_refused_requests", "Requests that were not acted upon.", ["reason"]
)
STRAYS = Counter("sallyport_runner_strays", "Containers removed as leftovers.")
FREE_BYTES = Gauge(
    "sallyport_runner_free_bytes", "Free space of each file system that jobs use.", ["folder"]
)
PRUNED_IMAGES = Counter("sallyport_runner_pruned_images", "Superseded job images removed.")
