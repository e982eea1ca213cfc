"""What the proxy talks about: requests, what they mean, answers, refusals. No I/O."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from sallyport_common.errors import SallyportError

Kind = Literal["git", "registry", "archive", "none"]
Method = Literal["GET", "HEAD", "POST"]


class Reason(enum.StrEnum):
    """Why a request ends without what it asked for; stable codes of logs and documents."""

    HOST_UNKNOWN = "host_unknown"
    METHOD = "method"
    PATH_SHAPE = "path_shape"
    PATH_NOT_CANONICAL = "path_not_canonical"
    QUERY = "query"
    HEADER = "header"
    FRAMING = "framing"
    CLIENT_UNKNOWN = "client_unknown"
    ORG_NOT_ALLOWED = "org_not_allowed"
    REPO_NOT_ALLOWED = "repo_not_allowed"
    SERVICE = "service"
    BODY_TYPE = "body_type"
    BODY_PARSE = "body_parse"
    BODY_LIMIT = "body_limit"
    NAME_NOT_ALLOWED = "name_not_allowed"
    TAG_NOT_ALLOWED = "tag_not_allowed"
    SCOPE = "scope"
    SUITE = "suite"
    REDIRECT_HOST = "redirect_host"
    UPSTREAM_TLS = "upstream_tls"
    UPSTREAM_LIMIT = "upstream_limit"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_FORBIDDEN = "upstream_forbidden"
    LOGIN_REQUIRED = "login_required"
    RATE_LIMITED = "rate_limited"
    MOVED = "moved"
    FORGE_UNKNOWN = "forge_unknown"
    UNSAFE_OBJECTS = "unsafe_objects"
    LOCKED = "locked"
    DISK_FULL = "disk_full"
    NOT_FOUND = "not_found"
    DIGEST_MISMATCH = "digest_mismatch"


MESSAGES: Mapping[Reason, str] = {
    Reason.HOST_UNKNOWN: "this name is not served here",
    Reason.METHOD: "only reading is allowed through this proxy",
    Reason.PATH_SHAPE: "this address is not one that the proxy serves",
    Reason.PATH_NOT_CANONICAL: "the URL is not in canonical form",
    Reason.QUERY: "these query parameters are not allowed",
    Reason.HEADER: "a header has a value that is not allowed",
    Reason.FRAMING: "the request carries a body where none is allowed",
    Reason.CLIENT_UNKNOWN: "this rule is not for your address",
    Reason.ORG_NOT_ALLOWED: "this organisation is not on the list of allowed organisations",
    Reason.REPO_NOT_ALLOWED: "this repository is not on the list of allowed repositories",
    Reason.SERVICE: "only fetching is allowed; a push through this proxy is refused",
    Reason.BODY_TYPE: "the body is not of the declared kind",
    Reason.BODY_PARSE: "the body cannot be decompressed",
    Reason.BODY_LIMIT: "the body is larger than allowed",
    Reason.NAME_NOT_ALLOWED: "this image is not on the list of allowed images",
    Reason.TAG_NOT_ALLOWED: "this image is pulled by digest only",
    Reason.SCOPE: "tokens are given for pulling one allowed image at a time",
    Reason.SUITE: "this archive or suite is not declared",
    Reason.REDIRECT_HOST: "the upstream points to a place that is not declared",
    Reason.UPSTREAM_TLS: "the certificate of the upstream cannot be verified",
    Reason.UPSTREAM_LIMIT: "the answer of the upstream is larger or slower than allowed",
    Reason.UPSTREAM_UNAVAILABLE: "the upstream cannot be reached and no copy is held",
    Reason.UPSTREAM_ERROR: "the upstream reports an internal error and no copy is held",
    Reason.UPSTREAM_TIMEOUT: "the upstream did not answer in time and no copy is held",
    Reason.UPSTREAM_FORBIDDEN: "the upstream denies the proxy access (403)",
    Reason.LOGIN_REQUIRED: "the upstream asks for a log-in (401), and no credential here is valid",
    Reason.RATE_LIMITED: "the upstream limits how often it may be asked (429); try again later",
    Reason.MOVED: "the repository has moved; use its new URL",
    Reason.FORGE_UNKNOWN: "this forge is not declared",
    Reason.UNSAFE_OBJECTS: "the repository contains an object that git rejects as unsafe",
    Reason.LOCKED: "another process is changing the copy of the repository; try again later",
    Reason.DISK_FULL: "the disk of the proxy is full",
    Reason.NOT_FOUND: "the upstream does not have this (404), or does not show it to the proxy",
    Reason.DIGEST_MISMATCH: "what the upstream sent does not match its digest",
}

STATUSES: Mapping[Reason, HTTPStatus] = {
    Reason.BODY_LIMIT: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.NAME_NOT_ALLOWED: HTTPStatus.NOT_FOUND,
    Reason.REDIRECT_HOST: HTTPStatus.BAD_GATEWAY,
    Reason.UPSTREAM_TLS: HTTPStatus.BAD_GATEWAY,
    Reason.UPSTREAM_LIMIT: HTTPStatus.BAD_GATEWAY,
    Reason.UPSTREAM_UNAVAILABLE: HTTPStatus.BAD_GATEWAY,
    Reason.UPSTREAM_ERROR: HTTPStatus.BAD_GATEWAY,
    Reason.UPSTREAM_TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    Reason.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.MOVED: HTTPStatus.GONE,
    Reason.UNSAFE_OBJECTS: HTTPStatus.BAD_GATEWAY,
    Reason.LOCKED: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.DISK_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    Reason.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Reason.DIGEST_MISMATCH: HTTPStatus.BAD_GATEWAY,
}
"""Statuses that differ from 403."""


class Refusal(SallyportError):
    """A request ends here; `upstream_status` is set when an upstream's answer led to it.

    `detail` completes the reason's message; it holds nothing that the proxy did not check.
    """

    def __init__(
        self, reason: Reason, upstream_status: int | None = None, detail: str = ""
    ) -> None:
        super().__init__(MESSAGES[reason] + detail)
        self.reason = reason
        self.status = STATUSES.get(reason, HTTPStatus.FORBIDDEN)
        self.upstream_status = upstream_status


@dataclass(frozen=True)
class ClientRequest:
    """A request as it arrived: raw target, headers of the allow list in lower case, body."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    address: str
    body: bytes = b""
    has_token: bool = False


@dataclass(frozen=True)
class Grant:
    """What an allowed request may do, built from its parsed parts."""

    kind: Kind
    action: str
    name: str = ""
    reference: str = ""
    rule: int = 0


@dataclass
class Answer:
    """What goes back: bytes, a stream, or a held file that nginx sends (`file`, from the cache)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b""
    file: Path | None = None
    cache: str = ""
    upstream_status: int | None = None
    on_close: Callable[[], None] | None = None
