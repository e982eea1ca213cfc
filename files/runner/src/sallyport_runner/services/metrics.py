"""What the runner counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

ENDED = Counter("sallyport_runner_ended_jobs", "Jobs that ended, by status code.", ["code"])
DISPATCH = Histogram(
    "sallyport_runner_dispatch_seconds",
    "From the moment at which a job was picked to that at which its container was started.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1200),
)
SELF_TEST_FAULTS = Gauge(
    "sallyport_runner_self_test_faults", "Faults that the last self-test of the sandbox found."
)
MAINTENANCE_FAULTS = Gauge(
    "sallyport_runner_maintenance_probe_faults", "Whether the last probe of the database failed."
)
WAKES = Counter("sallyport_runner_wakes", "Times that the run loop was woken.")
LAST_CONTACT = Gauge("sallyport_runner_last_contact_seconds", "When the job server last answered.")
SYNC_FAILURES = Counter("sallyport_runner_sync_failures", "Failed calls, by loop.", ["loop"])
REFUSED_REQUESTS = Counter(
    "sallyport_runner_refused_requests", "Requests that were not acted upon.", ["reason"]
)
STRAYS = Counter("sallyport_runner_strays", "Containers removed as leftovers.")
FREE_BYTES = Gauge(
    "sallyport_runner_free_bytes", "Free space of each file system that jobs use.", ["folder"]
)
ARCHIVES = Counter("sallyport_runner_archives", "Workspaces archived and restored.", ["verb"])
DELETIONS = Counter("sallyport_runner_deletions", "Things that retention deleted.", ["what"])
PRUNED_IMAGES = Counter("sallyport_runner_pruned_images", "Superseded job images removed.")


class JobCounter(Collector):
    """Counts the jobs by status code when somebody asks, and not before."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        family = GaugeMetricFamily("sallyport_runner_jobs", "Jobs by status code.", labels=["code"])
        for code, number in self._counts().items():
            family.add_metric([code], number)
        yield family

    def describe(self) -> Iterable[Metric]:
        """See Collector: registering counts nothing."""
        return []


def count_jobs(counts: Callable[[], Mapping[str, int]]) -> None:
    """Answer the number of jobs by status code among the metrics of this process."""
    REGISTRY.register(JobCounter(counts))
