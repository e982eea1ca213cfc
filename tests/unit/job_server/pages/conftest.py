"""The job server's pages in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.unit.job_server.rig import Rig
from werkzeug.serving import make_server

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 20_000
"""Milliseconds for which a test waits for what a page shows: pages renew themselves in seconds."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start a browser; a container's root has no sandbox of chromium's, and all pages are ours."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def site(rig: Rig) -> Iterator[str]:
    """Serve the job server and return its address; a browser trusts cookies of this machine."""
    server = make_server("127.0.0.1", 0, rig.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
