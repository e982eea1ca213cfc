"""TLS in front of the web services."""

from __future__ import annotations

import json
from typing import Any

from testinfra.host import Host

CLIENT = """
import http.client, json, socket, ssl, sys
name, host, versions, headers = json.loads(sys.argv[1])
context = ssl.create_default_context()
if versions:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[versions]
connection = http.client.HTTPSConnection(name, context=context)
raw = socket.create_connection(("127.0.0.1", 443))
connection.sock = context.wrap_socket(raw, server_hostname=name)
connection.request("GET", "/path?token=canary-in-query", headers={"Host": host} | headers)
answer = connection.getresponse()
body = answer.read().decode()
print(json.dumps({"status": answer.status, "headers": dict(answer.getheaders()), "body": body}))
"""
FIRST, SECOND = "jobs.sallyport.test", "hatch.sallyport.test"


def ask(
    host: Host, name: str, *, to: str = "", version: str = "", headers: dict[str, str] | None = None
) -> Any:
    """Ask nginx on the host by a name; None where there is no answer."""
    question = json.dumps([name, to or name, version, headers or {}])
    answer = host.run("python3 -W ignore -c %s %s", CLIENT, question)
    return json.loads(answer.stdout) if answer.rc == 0 else None


def test_each_name_gets_its_own_site_and_certificate(host: Host) -> None:
    assert ask(host, FIRST)["status"] == 200
    assert ask(host, SECOND)["body"] == "second"


def test_a_name_that_no_site_has_gets_no_answer(host: Host) -> None:
    assert ask(host, FIRST) is not None
    assert ask(host, "stranger.sallyport.test") is None
    assert ask(host, FIRST, to="stranger.sallyport.test") is None


def test_old_tls_is_refused(host: Host) -> None:
    assert ask(host, FIRST, version="TLSv1_2")["status"] == 200
    assert ask(host, FIRST, version="TLSv1_3")["status"] == 200
    assert ask(host, FIRST, version="TLSv1_1") is None


def test_the_service_sees_what_nginx_says_and_not_the_client(host: Host) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    seen = json.loads(ask(host, FIRST, headers=forged)["body"])
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Forwarded-Host"] == FIRST


def test_headers_add_to_those_of_the_service(host: Host) -> None:
    headers = ask(host, FIRST)["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "X-Frame-Options" not in headers
    assert headers["Server"] == "nginx"
    assert ask(host, SECOND)["headers"]["X-Frame-Options"] == "DENY"


def test_only_tls_listens(host: Host) -> None:
    assert host.socket("tcp://0.0.0.0:443").is_listening
    assert not host.socket("tcp://0.0.0.0:80").is_listening
    assert not host.socket("tcp://:::80").is_listening


def test_the_journal_holds_the_access_log_without_queries(host: Host) -> None:
    ask(host, FIRST)
    journal = host.check_output("journalctl -t nginx -o cat --no-pager -n 20")
    rows = [json.loads(line) for line in journal.splitlines() if line.startswith("{")]
    assert {"host": FIRST, "path": "/path", "status": 200}.items() <= rows[-1].items()
    assert "canary-in-query" not in journal
