"""Known secrets are taken out of texts, JSON and streams, and nothing else is."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport_common import logging as our_logging
from sallyport_common.redaction import BLOCK, MARK, Redactor, password

URL = "postgresql://jobs:p%40ss-canary@db.example/hospital"
KEY = "\n".join(("-----BEGIN KEY-----", "k" * 64, "-----END KEY-----"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"cannot reach {URL}!", f"cannot reach {MARK}!"),
        ("password p%40ss-canary failed", f"password {MARK} failed"),
        ("password p@ss-canary failed", f"password {MARK} failed"),
        (f"key {'k' * 64}", f"key {MARK}"),
        (json.dumps({"key": KEY}), json.dumps({"key": MARK})),
        ("jobs at db.example, BEGIN KEY, k", "jobs at db.example, BEGIN KEY, k"),
    ],
)
def test_a_secret_is_found_as_it_is_spelt(text: str, expected: str) -> None:
    redactor = Redactor([URL, KEY])
    assert redactor.text(text) == expected
    assert b"".join(redactor.stream([text.encode()])).decode() == expected
    assert redactor.finds(text.encode()) == (text != expected)
    assert redactor.value({URL: [text, 5, None]}) == {URL: [expected, 5, None]}


@given(
    st.lists(st.sampled_from(["canary-one", "canary-one-more", "canary-", "x", "o" * 9])),
    st.integers(1, 40),
)
def test_a_stream_is_what_the_whole_text_is(words: list[str], size: int) -> None:
    redactor = Redactor(["canary-one", "canary-one-more"])
    data = "".join(words).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sallyport_common.redaction.BLOCK", 1)
        assert b"".join(redactor.stream(chunks)).decode() == redactor.text(data.decode())


def test_a_secret_at_the_end_of_a_block_is_found() -> None:
    redactor = Redactor(["canary-one"])
    data = b"x" * (BLOCK - 4) + b"canary-one" + b"y" * BLOCK
    assert b"".join(redactor.stream([data[:BLOCK], data[BLOCK:]])) == data.replace(
        b"canary-one", MARK.encode()
    )


def test_without_secrets_nothing_changes() -> None:
    assert Redactor(["", "short"]).text("a short text") == "a short text"
    assert list(Redactor().stream([b"a", b"b"])) == [b"a", b"b"]
    assert password("http://u:word-of-it@h") == "word-of-it"
    assert [password(text) for text in ("h/x", "", "http://[")] == ["", "", ""]


def test_no_line_of_the_journal_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    level = root.level
    try:
        our_logging.configure("demo", secrets=[URL, KEY])
        log = logging.getLogger("demo")
        log.warning("not reached: %s", URL, extra={"where": [URL], "key": KEY})
        fault = ValueError(f"cannot parse {URL}")
        log.error("failed", exc_info=fault)
        sys.excepthook(ValueError, fault, None)
        thread = threading.Thread(target=lambda: [][1], name="t")
        thread.start()
        thread.join()
    finally:
        root.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 4
    assert "canary" not in stream.getvalue()
    assert "kkkk" not in stream.getvalue()
    assert lines[0]["message"] == f"not reached: {MARK}"
    assert lines[2]["exception"].endswith(f"ValueError: cannot parse {MARK}")
    assert "IndexError" in lines[3]["exception"]
