"""The one view: reads a request, asks the gate, answers in the client's own language."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from flask import Response, current_app, request
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from sallyport_proxy.models import Answer, ClientRequest, Grant, Kind, Refusal
from sallyport_proxy.services.gate import Gate, authorise, kind_of
from sallyport_proxy.services.recorder import Recorder

LOG = logging.getLogger("sallyport_proxy.requests")
SENT = Counter("sallyport_proxy_sent_bytes", "Bytes sent by the service itself.", ["kind"])
PASSED_HEADERS = (
    "accept",
    "content-encoding",
    "content-type",
    "git-protocol",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "range",
)
LOCAL = "localhost"
"""The host name of health and metrics on the socket; nginx never sends it."""
DROPPED = 64 * 1024
INTERNAL = "/_held/"
"""The place in nginx that sends held files."""
REGISTRY_CODES = {
    "name_not_allowed": "NAME_UNKNOWN",
    "not_found": "NAME_UNKNOWN",
    "method": "UNSUPPORTED",
}


def answer_request() -> Response | None:
    """Answer every request but the local health check's; nothing falls through to routes."""
    if request.host == LOCAL:
        return None
    started, request_id = time.monotonic(), secrets.token_hex(8)
    gate: Gate = current_app.extensions["gate"]
    recorder: Recorder = current_app.extensions["recorder"]
    policy = gate.policy()
    inbound = _inbound(policy.limits.git_body)
    kind, grant = kind_of(policy, inbound.host), None
    record: dict[str, object] = {"id": request_id, "kind": kind, "address": inbound.address}
    try:
        grant = authorise(policy, inbound)
        record["seq"] = recorder.granted(inbound, grant, request_id)
        answer = _begun(gate.serve(policy, grant, inbound))
        record["decision"] = "allow"
    except Refusal as refusal:
        name = grant.name if grant else ""
        record["seq"] = recorder.refused(inbound, kind, refusal, request_id, name)
        record |= {"decision": "refuse", "reason": str(refusal.reason)}
        answer = _refused(kind, refusal)
    record |= _described(grant, inbound, answer)

    def broken(refusal: Refusal) -> None:
        record["reason"] = str(refusal.reason)
        recorder.refused(inbound, kind, refusal, request_id, grant.name if grant else "")

    return _response(answer, kind, record, started, broken)


def log_broken(error: SQLAlchemyError) -> Response:
    """Refuse where a decision cannot be written down."""
    LOG.critical("the decision log cannot be written", extra={"error": type(error).__name__})
    text = "Sallyport proxy: the decision log cannot be written; nothing passes.\n"
    return Response(text, HTTPStatus.SERVICE_UNAVAILABLE, mimetype="text/plain")


def _inbound(body_limit: int) -> ClientRequest:
    headers = {name: request.headers[name] for name in PASSED_HEADERS if name in request.headers}
    return ClientRequest(
        method=request.method,
        host=request.host.lower(),
        target=str(request.environ["RAW_URI"]),
        headers=headers,
        address=request.remote_addr or "unknown",
        body=_body(body_limit),
        has_token="Authorization" in request.headers,
    )


def _body(limit: int) -> bytes:
    """Read one byte more than allowed; drop what is left, so that nginx receives the answer."""
    body = request.stream.read(limit + 1)
    while request.stream.read(DROPPED):
        pass
    return body


def _described(grant: Grant | None, inbound: ClientRequest, answer: Answer) -> dict[str, object]:
    described: dict[str, object] = {
        "status": answer.status,
        "upstream_status": answer.upstream_status,
        "cache": answer.cache,
        "bytes_in": len(inbound.body),
    }
    if grant:
        described |= {"object": grant.name, "ref": grant.reference, "rule": grant.rule}
    return described


def _refused(kind: Kind, refusal: Refusal) -> Answer:
    """Say no in words that git, container engines and apt show to people."""
    sentence = f"{refusal} ({refusal.reason})"
    if kind == "registry":
        code = REGISTRY_CODES.get(refusal.reason, "DENIED")
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = "UNAVAILABLE"
        errors = [{"code": code, "message": f"Sallyport proxy: {sentence}", "detail": None}]
        body, kind_of_text = json.dumps({"errors": errors}), "application/json"
    else:
        body, kind_of_text = f"Sallyport proxy: {sentence}\n", "text/plain; charset=utf-8"
    headers = {"Content-Type": kind_of_text, "Cache-Control": "no-store"}
    return Answer(refusal.status, headers, body.encode(), upstream_status=refusal.upstream_status)


def _begun(answer: Answer) -> Answer:
    """Read a stream's first piece, so that what fails at once still gets an honest status."""
    if isinstance(answer.body, bytes):
        return answer
    try:
        answer.body = _again(next(answer.body, b""), answer.body)
    except BaseException:
        if answer.on_close:
            answer.on_close()
        raise
    return answer


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _response(
    answer: Answer,
    kind: Kind,
    record: dict[str, object],
    started: float,
    broken: Callable[[Refusal], None],
) -> Response:
    """Turn an answer into a response; `broken` receives a refusal in mid-stream."""
    sent = [0]
    response = Response(status=answer.status)
    response.headers.clear()
    response.headers.update(answer.headers)
    if kind == "registry":
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    if answer.file:
        root = Path(current_app.extensions["cache_root"])
        response.headers["X-Accel-Redirect"] = INTERNAL + quote(str(answer.file.relative_to(root)))
    elif isinstance(answer.body, bytes):
        response.response = [answer.body]
        sent[0] = len(answer.body)
    else:
        response.response = _counted(answer.body, sent, broken)

    def finish() -> None:
        if answer.on_close:
            answer.on_close()
        SENT.labels(kind).inc(sent[0])
        milliseconds = round((time.monotonic() - started) * 1000)
        LOG.info("request", extra=record | {"bytes_out": sent[0], "ms": milliseconds})

    response.call_on_close(finish)
    return response


def _counted(
    chunks: Iterator[bytes], sent: list[int], broken: Callable[[Refusal], None]
) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            sent[0] += len(chunk)
            yield chunk
    except Refusal as refusal:
        broken(refusal)
        raise
