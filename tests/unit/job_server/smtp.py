"""A mail server (aiosmtpd) in a process of its own, which keeps what it takes in a folder.

Who is called `unknown` is refused permanently, and who is called `busy` for now.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from tests.conformance.server import free_port

USER, PASSWORD = "jobs@example.org", "p4ssw0rd of the mail server"


def _handlers(folder: Path) -> SimpleNamespace:
    """Return what answers a client, under the names of the protocol's verbs."""
    numbers = itertools.count(1)

    async def rcpt(
        _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if name in ("unknown", "busy"):
            return "550 No such person" if name == "unknown" else "451 Come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def data(server: SMTP, session: Any, envelope: Envelope) -> str:
        transport: Any = server.transport
        kept = {
            "recipients": envelope.rcpt_tos,
            "content": cast(bytes, envelope.content).decode(),
            "tls": transport.get_extra_info("sslcontext") is not None,
            "authenticated": session.authenticated,
        }
        path = folder / f"{next(numbers):04}.part"
        path.write_text(json.dumps(kept), encoding="utf-8")
        path.rename(path.with_suffix(".json"))
        return "250 OK"

    return SimpleNamespace(handle_RCPT=rcpt, handle_DATA=data)


def _authenticate(*words: Any) -> AuthResult:
    given = words[-1]
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == known, handled=False)


@dataclass(frozen=True)
class Mail:
    """A mail as it was taken."""

    recipients: list[str]
    message: EmailMessage
    tls: bool
    authenticated: bool

    @property
    def subject(self) -> str:
        """What it is about."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class SmtpServer:
    """The process; `mode` is plain, starttls or smtps, with the certificate of a PEM file."""

    folder: Path
    mode: str = "plain"
    certificate: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> SmtpServer:
        """Start the process, and wait until it listens."""
        words = [str(self.port), str(self.folder), self.mode, str(self.certificate or "")]
        self.process = subprocess.Popen([sys.executable, "-m", __name__, *words])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the mail server does not listen")

    def stop(self) -> None:
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.wait(10)

    def take(self) -> list[Mail]:
        """Return the mails that came, and forget them."""
        mails = []
        for path in sorted(self.folder.glob("*.json")):
            kept = json.loads(path.read_text(encoding="utf-8"))
            parsed = message_from_bytes(kept.pop("content").encode(), policy=policy.default)
            mails.append(Mail(message=parsed, **kept))
            path.unlink()
        return mails


async def _serve(port: int, folder: Path, mode: str, certificate: str) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    handlers = _handlers(folder)
    begins_tls = mode == "starttls"

    def server() -> SMTP:
        return SMTP(
            handlers,
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=context if begins_tls else None,
            authenticator=_authenticate,
            auth_require_tls=begins_tls,
        )

    encrypted = context if mode == "smtps" else None
    listening = await asyncio.get_running_loop().create_server(
        server, "127.0.0.1", port, ssl=encrypted
    )
    await listening.serve_forever()


def main(arguments: Sequence[str]) -> None:
    """Serve until the process is ended."""
    port, folder, mode, certificate = arguments
    asyncio.run(_serve(int(port), Path(folder), mode, certificate))


if __name__ == "__main__":
    main(sys.argv[1:])
