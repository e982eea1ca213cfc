"""Requests over a unix socket."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sallyport_common.unix_socket import request


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """Answer one request on a socket, or never; yield what arrived."""
    seen: list[bytes] = []
    done = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            length = int(dict(
                line.lower().split(b": ") for line in data.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
            ).get(b"content-length", b"0"))  # fmt: skip
            while len(data.partition(b"\r\n\r\n")[2]) < length:
                data += connection.recv(4096)
            seen.append(data)
            if answer is None:
                done.wait(5)
            else:
                connection.sendall(answer)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield seen
        done.set()
        thread.join()


def test_a_request_has_its_answer(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    with answering(tmp_path / "s", answer) as seen:
        response = request(
            tmp_path / "s", "POST", "/x?y=1", body=b"{}", headers={"X-A": "b"}, timeout=5
        )
    assert (response.status, response.body) == (404, b"no")
    assert seen[0].startswith(b"POST /x?y=1 HTTP/1.1\r\n")
    assert b"X-A: b" in seen[0]
    assert seen[0].endswith(b"\r\n\r\n{}")


def test_what_does_not_speak_http_is_told_apart_from_silence(tmp_path: Path) -> None:
    with answering(tmp_path / "a", b"hello\r\n"), pytest.raises(http.client.HTTPException):
        request(tmp_path / "a", "GET", "/", timeout=5)
    with answering(tmp_path / "b", None), pytest.raises(TimeoutError):
        request(tmp_path / "b", "GET", "/", timeout=0.2)
    with pytest.raises(FileNotFoundError):
        request(tmp_path / "none", "GET", "/", timeout=5)
