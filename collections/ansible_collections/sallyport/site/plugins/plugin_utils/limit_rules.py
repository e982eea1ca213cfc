"""Rules between limits of which one holds inside the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.sallyport.site.plugins.plugin_utils.faults import Fault
from ansible_collections.sallyport.site.plugins.plugin_utils.formats import size_of
from ansible_collections.sallyport.site.plugins.plugin_utils.site_view import Site

# The first of each pair is at most the second.
PAIRS = [
    ("runner_max_db_workers", "runner_max_workers"),
    ("runner_job_shm_size", "runner_job_memory_limit"),
    ("runner_job_tmp_size", "runner_job_memory_limit"),
    ("runner_stats_poll_interval", "runner_job_time_limit"),
    ("job_server_session_idle", "job_server_session_lifetime"),
    ("release_hatch_session_idle", "release_hatch_session_lifetime"),
    ("release_hatch_authorise_interval", "release_hatch_session_lifetime"),
    ("proxy_upstream_timeout", "proxy_transfer_timeout"),
    ("proxy_limits.git_body", "proxy_limits.git_decoded_body"),
    ("proxy_limits.manifest", "proxy_limits.blob"),
]
# A call that waits, and the web server in front, which waits less than this.
WAITS = [
    ("release_hatches", "release_hatch_upload_wait", "release_hatch_virtual_hosts"),
    ("runners", "runner_long_poll", "job_server_virtual_hosts"),
]


def pairs(site: Site) -> Iterator[Fault]:
    """What holds inside another limit is not larger than it."""
    for host in site.hosts:
        for inner, outer in PAIRS:
            name = next((part for part in (inner, outer) if is_set(site, host, part)), None)
            one, other = limit(site, host, inner), limit(site, host, outer)
            if name and None not in (one, other) and number(one) > number(other):
                sentence = f"{inner} is {one}, above {outer}, which is {other}; accepted is at most"
                yield site.fault(name.split(".")[0], f"{sentence} {other}.", host)


def is_set(site: Site, host: str, path: str) -> bool:
    """Return whether the inventory sets the variable of a limit."""
    return site.is_set(host, path.split(".")[0])


def limit(site: Site, host: str, path: str) -> Any:
    """Return a limit: a variable, or a key of one; None where it is not known."""
    name, _, key = path.partition(".")
    value = site.value(host, name, None)
    if not key or value is None:
        return value
    # A key that is left out keeps the service's default, which the role's is.
    return value.get(key, site.distribution.inputs[name]["default"][key])


def number(value: Any) -> float:
    """Return a limit as a number: a size is one of bytes."""
    return float(size_of(value) if isinstance(value, str) else value)


def waits(site: Site) -> Iterator[Fault]:
    """The web server waits longer than the service behind it."""
    for group, name, sites in WAITS:
        for host in site.members(group):
            value = site.value(host, name, None)
            limits = [entry.get("read_timeout", 60) for entry in site.value(host, sites, [])]
            if value is not None and limits and value >= min(limits):
                sentence = (
                    f"{name} is {value}, and the web server waits {min(limits)} seconds "
                    f"({sites}); accepted is less than that."
                )
                yield site.fault(name if site.is_set(host, name) else sites, sentence, host)


def threads(site: Site) -> Iterator[Fault]:
    """Runners that wait leave the job server threads for everybody else."""
    for host in site.members("job_servers"):
        workers = site.value(host, "job_server_workers", None)
        each = site.value(host, "job_server_threads", None)
        runners = len(site.members("runners"))
        if None not in (workers, each) and workers * each <= runners:
            name = "job_server_threads"
            yield site.fault(
                name if site.is_set(host, name) else "job_server_workers",
                f"job_server_workers times job_server_threads is {workers * each}, and each of "
                f"{runners} runners occupies one; accepted is more than {runners}.",
                host,
            )


RULES = [pairs, waits, threads]
