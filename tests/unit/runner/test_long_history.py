"""The history of a runner that has run for long is restored in seconds."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, replace

import pytest
from tests.unit.runner.jobserver import A, Server, listed, reported
from tests.unit.runner.lost import hear, lose, started
from tests.unit.runner.rig import RECORD_KEYS, Runner

from sallyport_common.tokens import job_identifier
from sallyport_records import keys, runs
from sallyport_runner.services.outputs.manifest import Manifest

pytestmark = pytest.mark.live
JOBS, MONTHS = 2500, 60
MOST_SECONDS = 20
"""CPU seconds; it takes 3.4."""


def fill(runner: Runner, server: Server) -> None:
    """Give the runner a past: jobs with one output each, like the one job that it ran."""
    private, public = (keys.load_private(RECORD_KEYS[0]), keys.load_public(RECORD_KEYS[1]))
    job = runner.job("make")
    folder = runner.record(job)
    record = runs.verify((folder / "run_record.json").read_bytes(), [public])
    metadata = json.loads((folder / "metadata.json").read_text())
    manifest = Manifest(runner.medium(""), "ws")
    (path, entry), content = next(iter(manifest.outputs.items())), runner.high("output/raw.csv")
    files = {}
    for number in range(JOBS):
        request, action, output = f"{number % 50:016d}", f"act{number}", f"output/{number}.csv"
        job_id = job_identifier(request, action)
        one = metadata | {
            "job_definition_id": job_id, "job_definition_request_id": request, "action": action,
            "outputs": {output: "highly_sensitive"},
            "outputs_sha256": {output: entry.content_hash},
        }  # fmt: skip
        raw = json.dumps(one, indent=2).encode()
        signed = replace(
            record, job=job_id, request=request, action=action,
            outputs={output: record.outputs[path]},
            byproducts={"metadata.json": hashlib.sha256(raw).hexdigest()},
        )  # fmt: skip
        place = runner.base / f"high/logs/{job.created_at[:7]}/os-job-{job_id}"
        place.mkdir(parents=True)
        (place / "metadata.json").write_bytes(raw)
        (place / "run_record.json").write_bytes(runs.sign(signed, private))
        runner.high(output).write_bytes(content.read_bytes())
        files[output] = replace(entry, job_id=job_id, job_request=request, action=action)
        row = reported(action, request, status="succeeded", status_code="succeeded")
        server.rows[job_id] = row
    for month in range(MONTHS):
        (runner.base / f"high/logs/{2020 + month // 12}-{month % 12 + 1:02d}").mkdir()
    kept = {path: asdict(one) for path, one in {**manifest.outputs, **files}.items()}
    body = {"workspace": "ws", "repo": None, "outputs": kept}
    runner.medium("metadata/manifest.json").write_text(json.dumps(body))


def test_thousands_of_jobs_are_known_again_in_seconds(
    runner: Runner, server: Server, sha: str
) -> None:
    server.listed = [listed(sha, "make")]
    hear(runner)
    runner.passes(5)
    runner.reporter.step()
    fill(runner, server)
    lose(runner)
    server.listed = []
    before = time.process_time()
    hear(runner)
    taken = time.process_time() - before
    assert taken < MOST_SECONDS
    latest = runner.store.latest_jobs("ws")
    assert len(latest) == JOBS + 1
    assert all(job.files for job in latest.values())
    assert len(server.pages) == 1 + JOBS // server.page + 1
    server.listed = [listed(sha, "table", request="c" * 16)]
    hear(runner)
    runner.passes(5)
    assert started(runner) == ["make", "table"]
    assert runner.store.jobs_of([A])
