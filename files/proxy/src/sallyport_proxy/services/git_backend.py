"""Serves a mirror with git's own `http-backend`, pushes and hidden references switched off."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from sallyport_common.closed_git import ClosedGit, Fault, classify
from sallyport_proxy.models import Answer, ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.policy import Limits
from sallyport_proxy.services.git_rules import PACK_REQUEST, UPLOAD_PACK

CHUNK = 64 * 1024
HEADER_LINE = 1024
ERRORS = 64 * 1024
CONFIGURATION = (
    ("http.receivepack", "false"),
    ("http.uploadpack", "true"),
    ("http.getanyfile", "false"),
    ("uploadpack.allowReachableSHA1InWant", "true"),
    ("uploadpack.allowFilter", "false"),
    ("transfer.hideRefs", "refs"),
    ("transfer.hideRefs", "!refs/heads"),
    ("transfer.hideRefs", "!refs/tags"),
)
END = 5.0
"""Seconds in which git ends after the last byte of its answer."""
ROBOTS = b"User-agent: *\nDisallow: /\n"


class GitBackend:
    """Answers git's two fetch requests from one mirror; `timeout` (seconds) bounds each."""

    def __init__(self, timeout: float) -> None:
        self._git = ClosedGit(Path(os.devnull), timeout, ())

    def serve(
        self,
        mirror: Path,
        grant: Grant,
        request: ClientRequest,
        body: bytes,
        damaged: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Return the backend's answer to a plain body as a stream.

        `damaged` is called where git could not serve because the mirror is damaged.
        """
        with contextlib.ExitStack() as stack:
            stdin = stack.enter_context(tempfile.TemporaryFile())
            errors = stack.enter_context(tempfile.TemporaryFile())
            stdin.write(body)
            stdin.seek(0)
            env = self._git.environment(CONFIGURATION) | _cgi(mirror, grant, request, len(body))
            process = stack.enter_context(
                self._git.running(["http-backend"], env, stdin, stderr=errors)
            )
            output = _output(process)
            status, headers = _cgi_headers(output)
            finish = stack.pop_all().close

        def chunks() -> Iterator[bytes]:
            while chunk := output.read(CHUNK):
                yield chunk
            if _failed(process, errors):
                damaged()

        return Answer(status, headers, chunks(), cache="replica", on_close=finish)


def _failed(process: subprocess.Popen[bytes], errors: IO[bytes]) -> bool:
    """Return whether a git that sent its whole answer failed because of its own repository."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END)
    errors.seek(0)
    text = errors.read(ERRORS).decode("utf-8", "replace")
    return bool(process.returncode) and classify(text) is Fault.DAMAGED


def plain_body(request: ClientRequest, limits: Limits) -> bytes:
    """Return the body, decompressed within its limit; raise Refusal where it is too large."""
    if request.headers.get("content-encoding") != "gzip":
        return request.body
    reader = zlib.decompressobj(wbits=31)
    try:
        body = reader.decompress(request.body, limits.git_decoded_body + 1)
    except zlib.error:
        raise Refusal(Reason.BODY_PARSE) from None
    if len(body) > limits.git_decoded_body:
        raise Refusal(Reason.BODY_LIMIT)
    if not reader.eof or reader.unused_data:
        raise Refusal(Reason.BODY_PARSE)
    return body


def _cgi(mirror: Path, grant: Grant, request: ClientRequest, length: int) -> dict[str, str]:
    refs = grant.action == "refs"
    variables = {
        "GIT_PROJECT_ROOT": str(mirror),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": "/info/refs" if refs else f"/{UPLOAD_PACK}",
        "REQUEST_METHOD": "GET" if refs else "POST",
        "QUERY_STRING": f"service={UPLOAD_PACK}" if refs else "",
        "CONTENT_TYPE": "" if refs else PACK_REQUEST,
        "CONTENT_LENGTH": str(length),
    }
    if request.headers.get("git-protocol"):
        variables["GIT_PROTOCOL"] = request.headers["git-protocol"]
    return variables


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise Refusal(Reason.UPSTREAM_UNAVAILABLE)
    return process.stdout


def _cgi_headers(output: IO[bytes]) -> tuple[int, dict[str, str]]:
    """Read the header lines of a CGI answer; `Status` becomes the status."""
    headers: dict[str, str] = {}
    while line := output.readline(HEADER_LINE).decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    status = int(headers.pop("Status", "200").partition(" ")[0])
    if "Content-Type" not in headers:
        raise Refusal(Reason.UPSTREAM_UNAVAILABLE)
    return status, headers
