"""One reading of a request's address: plain, origin form, or refused."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from sallyport_proxy.models import Reason, Refusal

PLAIN = re.compile(r"/[A-Za-z0-9._~:+^@,=/-]*")
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
MAX_TARGET = 2048
QUERY_TEXT = re.compile(r"[A-Za-z0-9._~:/%=&+,*-]*")


def split_target(target: str, escapes: str = "") -> tuple[str, str | None]:
    """Return the canonical path and the raw query (None without a question mark).

    `escapes` names the characters that a client may write as %XX. Anything else that is encoded,
    empty or dot segments, other characters and other forms of target raise Refusal.
    """
    path, mark, query = target.partition("?")
    if len(target) > MAX_TARGET or not path.startswith("/"):
        raise Refusal(Reason.PATH_NOT_CANONICAL)
    path = ESCAPE.sub(lambda match: _unescape(match[1], escapes), path)
    inner = path.split("/")[1:-1]
    last = path.rpartition("/")[2]
    if not PLAIN.fullmatch(path) or "" in inner or {".", ".."} & {*inner, last}:
        raise Refusal(Reason.PATH_NOT_CANONICAL)
    return path, query if mark else None


def _unescape(code: str, allowed: str) -> str:
    character = chr(int(code, 16))
    if character not in allowed:
        raise Refusal(Reason.PATH_NOT_CANONICAL)
    return character


def parameters(query: str | None, allowed: set[str]) -> dict[str, str]:
    """Return query parameters: each once, each declared, none empty; else raise Refusal."""
    if query is None:
        return {}
    if not QUERY_TEXT.fullmatch(query):
        raise Refusal(Reason.QUERY)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise Refusal(Reason.QUERY) from None
    by_name = dict(pairs)
    if len(by_name) != len(pairs) or not set(by_name) <= allowed or "" in by_name.values():
        raise Refusal(Reason.QUERY)
    return by_name


def no_query(query: str | None) -> None:
    """Refuse any query, an empty one included."""
    if query is not None:
        raise Refusal(Reason.QUERY)


def no_body(body: bytes) -> None:
    """Refuse a body where the request must have none."""
    if body:
        raise Refusal(Reason.FRAMING)


def only(method: str, *allowed: str) -> None:
    """Refuse any other method."""
    if method not in allowed:
        raise Refusal(Reason.METHOD)
