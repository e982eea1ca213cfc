"""Where messages are handed over: what is taken as an address, and how a wrong one is named."""

from __future__ import annotations

import pytest

from sallyport_common.errors import SettingsError
from sallyport_job_server import relays
from sallyport_job_server.relays import MailServer, Webhook


@pytest.mark.parametrize(
    "text",
    ["mail.example", "http://mail.example", "smtp://", "smtp://u:p@mail.example",
     "smtp://mail.example/x", "smtp://mail.example?x=1", "smtp://mail.example:99999"],
)  # fmt: skip
def test_the_address_of_a_mail_server_is_checked(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected smtp|Port out of range"):
        MailServer.parse(text)


def test_the_ports_and_the_encryption_follow_from_the_address() -> None:
    found = [
        MailServer.parse(text)
        for text in ("smtp://mail.example", "smtps://u%40x@mail.example", "smtp://localhost:25")
    ]
    assert [(one.port, one.username, one.tls, one.starttls) for one in found] == [
        (587, "", False, True),
        (465, "u@x", True, False),
        (25, "", False, False),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "expected a JSON list"),
        ("[1]", "expected a JSON list"),
        ('[{"name": "a", "url": "https://x"}]', "expected a JSON list"),
        ('[{"name": "a", "url": "http://x/hidden", "secret": "s"}]', "webhook a must start with"),
        ("[{0}, {0}]", "two webhooks have the same name"),
    ],
)
def test_a_bad_list_of_webhooks_is_named_without_what_is_secret(text: str, sentence: str) -> None:
    hook = '{"name": "a", "url": "https://x", "secret": "s"}'
    with pytest.raises(SettingsError, match=sentence) as caught:
        relays.webhooks(text.replace("{0}", hook))
    assert "hidden" not in str(caught.value)
    assert relays.webhooks(f"[{hook}]") == (Webhook("a", "https://x", "s"),)
