"""Every call has a timeout, and health pages tell the truth."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from flask import Flask

from sallyport_common import errors, health, http
from sallyport_common import logging as our_logging
from sallyport_common.redaction import Redactor
from sallyport_common.versions import package_version


def test_a_silent_server_ends_in_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = http.session(None, (1, 0.1), "test")
        with pytest.raises(requests.Timeout):
            client.get(f"http://127.0.0.1:{port}/")
        client.close()


def test_the_session_ignores_proxy_variables_and_verifies(tmp_path: Path) -> None:
    client = http.session(tmp_path / "ca.crt", (1, 1), "sallyport-test")
    assert client.trust_env is False
    assert client.verify == str(tmp_path / "ca.crt")
    assert client.headers["User-Agent"] == "sallyport-test"
    assert http.session(None, (1, 1), "x").verify is True


def failing() -> None:
    """Fail, with a string that must not be shown."""
    raise RuntimeError("secret detail")


@pytest.mark.parametrize(("broken", "status"), [(False, 200), (True, 503)])
def test_healthz_reports_version_and_checks(broken: bool, status: int) -> None:
    app = Flask("test")
    checks = {"database": failing if broken else (lambda: None)}
    app.register_blueprint(health.blueprint("demo", "1.2", checks))
    answer = app.test_client().get("/healthz")
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["version"] == "1.2"
    assert answer.json["checks"]["database"] == ("failed: RuntimeError" if broken else "ok")
    assert "secret detail" not in answer.text


def test_metrics_are_in_prometheus_form() -> None:
    app = Flask("test")
    app.register_blueprint(health.blueprint("demo", "1.2", {}))
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert "python_info" in answer.text


def test_the_version_is_that_of_the_installed_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert package_version("sallyport-common") == "0.1.0"
    (tmp_path / "VERSION").write_text("0.1.0+abc\n")
    monkeypatch.setenv("SALLYPORT_RELEASE", str(tmp_path))
    assert package_version("sallyport-common") == "0.1.0+abc"


def test_a_log_line_is_json_with_extra_fields() -> None:
    formatter = our_logging.JsonFormatter("demo", Redactor())
    record = logging.getLogger("x").makeRecord(
        "x", logging.INFO, "f", 1, "hello %s", ("you",), None, extra={"job": "abc"}
    )
    entry = json.loads(formatter.format(record))
    assert entry["message"] == "hello you"
    assert entry["service"] == "demo"
    assert entry["job"] == "abc"


def test_configure_sends_everything_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        our_logging.configure("demo")
        try:
            raise ValueError("boom")
        except ValueError:
            logging.getLogger("y").exception("went wrong")
        entry = json.loads(capsys.readouterr().err)
        assert entry["level"] == "ERROR"
        assert "boom" in entry["exception"]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_command_ends_with_the_right_code(capsys: pytest.CaptureFixture[str]) -> None:
    def bad_settings(_argv: object) -> int:
        raise errors.SettingsError(["A is not set", "B is not set"])

    def our_error(_argv: object) -> int:
        raise errors.SallyportError("no such thing")

    assert errors.run_cli(bad_settings, []) == 78
    assert errors.run_cli(our_error, []) == 1
    assert errors.run_cli(lambda argv: len(argv), ["a", "b"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "configuration: A is not set",
        "configuration: B is not set",
        "error: no such thing",
    ]


HANDED_OVER = """
import os, socket
from sallyport_common.systemd import listen_sockets
assert listen_sockets() == {}
server = socket.create_server(("127.0.0.1", 0))
address = server.getsockname()
os.dup2(server.detach(), 3)  # where systemd puts the first socket
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
print(listen_sockets()["http"].getsockname() == address)
"""


def test_activated_sockets_are_found_by_name() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", HANDED_OVER], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "True"
