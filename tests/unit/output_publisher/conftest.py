"""A publisher between an approved tree, a job server and a hatch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.unit.output_publisher import doubles
from tests.unit.output_publisher.doubles import TOKEN, HatchDouble, JobServerDouble

from sallyport_disclosure.policy import Policy
from sallyport_output_publisher.cli import main

Run = Callable[..., int]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return an empty approved tree."""
    folder = tmp_path / "approved"
    folder.mkdir()
    return folder


@pytest.fixture
def job_server() -> Iterator[JobServerDouble]:
    """Serve a job server."""
    with doubles.job_server() as double:
        yield double


@pytest.fixture
def hatch(tmp_path: Path) -> Iterator[HatchDouble]:
    """Serve a hatch."""
    with doubles.hatch(tmp_path / "outbox.sock") as double:
        yield double


@pytest.fixture
def environment(tmp_path: Path, tree: Path, job_server: JobServerDouble) -> dict[str, str]:
    """Return the publisher's environment."""
    (tmp_path / "state").mkdir()
    (tmp_path / "token").write_text(TOKEN)
    return {
        "OUTPUT_PUBLISHER_BACKEND": "hospital",
        "OUTPUT_PUBLISHER_APPROVED_FILES": str(tree),
        "OUTPUT_PUBLISHER_OUTBOX_SOCKET": str(tmp_path / "outbox.sock"),
        "OUTPUT_PUBLISHER_STATE_FOLDER": str(tmp_path / "state"),
        "OUTPUT_PUBLISHER_JOB_SERVER_URL": job_server.url,
        "OUTPUT_PUBLISHER_JOB_SERVER_TOKEN_FILE": str(tmp_path / "token"),
        "OUTPUT_PUBLISHER_CA_FILE": "",
        "OUTPUT_PUBLISHER_RETRY_SECONDS": "0",
        "OUTPUT_PUBLISHER_OUTPUT_POLICY": json.dumps(asdict(Policy())),
    }


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command and returns its exit code."""

    def command(*words: str) -> int:
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", environment)
            patch.setattr("sys.argv", ["sallyport-output-publisher", *words])
            with pytest.raises(SystemExit) as ended:
                main()
        return int(ended.value.code or 0)

    monkeypatch.setattr("sallyport_common.logging.configure", lambda _service: None)
    assert command("migrate") == 0
    return command
