"""The bench of the job server at a small size: every figure is measured, and runners hear."""

from __future__ import annotations

from tests.bench.job_server import pages, peer_dispatch
from tests.bench.job_server.__main__ import measured

NAMES = [
    "idle_cpu_pct", "dispatch_p50_ms", "dispatch_p99_ms", "submit_p50_ms", "healthz_p95_ms",
    "dropped_dispatch_p50_ms", "dropped_healthz_p95_ms", "rss_mb",
]  # fmt: skip


def test_every_figure_is_measured() -> None:
    found = {one.name: one for one in measured(10, 12, 1.0)}
    assert list(found) == [f"{name}_10" for name in NAMES]
    assert all(one.value > 0 for one in found.values() if not one.name.startswith("idle"))
    assert found["dispatch_p50_ms_10"].value < 1000  # a look in vain would be as late


def test_every_page_and_list_is_timed() -> None:
    found = {one.name: one.value for one in pages.measured(pages.Size(30, 3, 2))}
    assert len(found) == 12
    assert all(0 < value < 10_000 for value in found.values())


def test_the_peer_hears_too() -> None:
    [one] = peer_dispatch.measured(2)
    assert one.name == "peer_dispatch_p50_ms"
    assert 0 < one.value < 60_000
