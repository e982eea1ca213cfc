"""Hands a letter over: by SMTP to a mail server, by HTTPS to a webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

from sallyport_common import http
from sallyport_common.errors import SallyportError
from sallyport_common.settings import Secret
from sallyport_job_server.letters import Kind, Letter
from sallyport_job_server.models import Message
from sallyport_job_server.relays import MailServer, Webhook

TIMEOUT = 20.0
"""Seconds for which a mail server or a webhook may be silent."""
SIGNATURE = "X-Sallyport-Signature"
"""Header of a webhook's call: `sha256=` and the HMAC of its body with the secret, in hex."""
GONE = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
"""Answers of a webhook after which the same call again would be answered alike."""


class SendingError(SallyportError):
    """A message was not taken; it is tried again."""


class RefusedError(SendingError):
    """A message was refused permanently."""


class MailSender:
    """Speaks SMTP (RFC 5321); a connection for each message, as they are few."""

    def __init__(
        self,
        server: MailServer,
        password: Secret | None,
        sender: str,
        site: str,
        ca_file: Path,
    ) -> None:
        self._server, self._password, self._sender = server, password, sender
        self._site, self._ca_file = site, ca_file

    def send(self, address: str, letter: Letter, number: int) -> None:
        """Hand a letter over; raise SendingError with what the server said."""
        try:
            with self._connection() as server:
                server.send_message(self._mail(address, letter, number))
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise SendingError(f"The mail server lacks something: {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise SendingError(f"The mail server cannot be reached: {said}") from None

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        server, context = self._server, ssl.create_default_context(cafile=str(self._ca_file))
        if server.tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        with smtp:
            if server.starttls:
                smtp.starttls(context=context)
            if self._password and server.username:
                smtp.login(server.username, self._password.reveal())
            yield smtp

    def _mail(self, address: str, letter: Letter, number: int) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, address, letter.subject
        mail["Date"] = formatdate()
        # The same each time that it is tried, so that one that came twice can be known.
        mail["Message-ID"] = f"<message-{number}@{urlsplit(self._site).hostname}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers it by machine
        mail.set_content(letter.body(self._site))
        return mail


class WebhookSender:
    """Posts letters as JSON, signed; redirects are not followed."""

    def __init__(self, hooks: tuple[Webhook, ...], ca_file: Path) -> None:
        self._hooks = {one.name: one for one in hooks}
        self._session = http.session(ca_file, (TIMEOUT, TIMEOUT), "sallyport-job-server")

    def send(self, message: Message, letter: Letter) -> None:
        """Post a letter to the webhook of a message; raise SendingError."""
        hook = self._hooks.get(message.webhook)
        if hook is None:
            raise RefusedError("This webhook is no longer in the settings.")
        body = json.dumps(_payload(message, letter)).encode()
        digest = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", SIGNATURE: f"sha256={digest}"}
        try:
            answer = self._session.post(
                hook.url, data=body, headers=headers, allow_redirects=False, stream=True
            )
            answer.close()
        except OSError as error:  # what requests raises; its text has the address
            raise SendingError(f"It cannot be reached: {type(error).__name__}.") from None
        if answer.status_code in GONE:
            raise RefusedError(f"It answered {answer.status_code}.")
        if answer.status_code >= 300:
            raise SendingError(f"It answered {answer.status_code}.")


def _payload(message: Message, letter: Letter) -> dict[str, object]:
    """Return the body of a call; `text` is what Mattermost and Slack show."""
    kind = Kind(message.kind)
    return {
        "id": message.id,
        "kind": str(kind),
        "topic": str(kind.topic),
        "workspace": message.data.get("workspace", ""),
        "project": message.data.get("project", ""),
        "text": "\n".join(filter(None, [letter.subject, letter.text, letter.url])),
        "url": letter.url,
        "created_at": message.created_at,
    }


def _refusal(code: int, said: bytes | str) -> SendingError:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    sentence = f"The mail server answered {code}: {' '.join(text.split())}"
    # RFC 5321, 4.2.1: 5yz is permanent. But a log-in that is refused is a matter of the settings.
    return RefusedError(sentence) if 550 <= code <= 559 else SendingError(sentence)
