"""Calls made from the description of the API: none is answered otherwise than is described."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.bench.runner import study
from tests.conformance import peer
from tests.conformance.server import PASSWORD, TOKEN, Server

from sallyport_job_server.services.access_tokens import Wish

LOCKED = Path(__file__).parent / "fuzzed" / "requirements.txt"
CONFIGURATION = "[generation]\nallow-x00 = false\n"
"""No database keeps a NUL; every body and query with one is refused, which no schema can say."""
EXAMPLES = 20
"""Calls that are made up for each operation, beside those that its schema suggests."""


@dataclass
class Fuzzed:
    """A job server in which something can be asked for, and a person who may do everything."""

    server: Server
    folder: Path
    token: str

    def description(self) -> Any:
        """Return the description of the API."""
        return requests.get(f"{self.server.url}/api/v1/openapi.json", timeout=30).json()

    def run(self, description: Any, paths: str, token: str, *more: str) -> tuple[int, str]:
        """Let schemathesis call what matches; return its exit code and what it printed."""
        program = str(peer.python(LOCKED).with_name("schemathesis"))
        (self.folder / "schemathesis.toml").write_text(CONFIGURATION)
        file = self.folder / "openapi.json"
        file.write_text(json.dumps(description))
        words = [program, "run", str(file), "--url", self.server.url, "-H"]
        words += [f"Authorization: {token}", "--include-path-regex", paths, "--checks", "all"]
        words += ["--phases", "examples,coverage,fuzzing", "--generation-deterministic"]
        done = subprocess.run(
            [*words, "-n", str(EXAMPLES), *more],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Give a job server with a study, a workspace and an administrator who is all else, too."""
    folder = tmp_path_factory.mktemp("fuzzed")
    study.publish(folder / "git", study.actions(3, 2, 1))
    server = Server(folder, folder / "git")
    server.workspace("bench", study.REPOSITORY)
    services = server.services
    ada = services.accounts.log_in("ada", PASSWORD, "", "local")
    roles = ["admin", "output_checker", "publication_approver"]
    services.accounts.update(ada, "ada", roles=roles, backend_slugs=["test"], is_active=True)
    services.directory.set_member(ada, "project", "ada", ["researcher"])
    token = services.access_tokens.create(ada, Wish("fuzz"))
    yield Fuzzed(server, folder, f"ada:{token}")
    server.stop()


def cases(said: str) -> int:
    """Return how many calls were made."""
    found = re.search(r"(\d+) generated, (\d+) passed", said)
    assert found, said[-3000:]
    assert found[1] == found[2], said[-3000:]
    return int(found[1])


def test_what_people_call_is_answered_as_it_is_described(fuzzed: Fuzzed) -> None:
    code, said = fuzzed.run(fuzzed.description(), "^/api/v1/", fuzzed.token)
    assert code == 0, said[-3000:]
    assert cases(said) > 1000


def test_what_backends_call_is_answered_as_it_is_described(fuzzed: Fuzzed) -> None:
    """Its callers know 403 for a missing token, where the check expects 401."""
    left_out = ("--exclude-checks", "missing_required_header")
    code, said = fuzzed.run(fuzzed.description(), "^/api/v2/", TOKEN, *left_out)
    assert code == 0, said[-3000:]
    assert cases(said) > 700


def test_an_answer_that_is_not_described_is_found(fuzzed: Fuzzed) -> None:
    """The control: of a description with another type for one field."""
    description = fuzzed.description()
    description["components"]["schemas"]["Me"]["properties"]["username"] = {"type": "integer"}
    code, said = fuzzed.run(description, "^/api/v1/me$", fuzzed.token)
    assert code == 1
    assert "Response violates schema" in said
