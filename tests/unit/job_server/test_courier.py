"""Messages are handed over: what fails is tried again and seen, TLS is held to, webhooks signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.job_server.rig import BOTH, Rig
from tests.unit.job_server.smtp import PASSWORD, USER, SmtpServer
from tests.unit.job_server.test_messages import sent, with_mail
from tests.unit.job_server.test_session_ends import later
from tests.unit.proxy.test_upstream_tls import write_certificate

from sallyport_common.errors import SettingsError
from sallyport_common.problems import UnavailableError
from sallyport_common.settings import Secret
from sallyport_job_server import relays
from sallyport_job_server.models import Message
from sallyport_job_server.relays import MailServer
from sallyport_job_server.services import clock
from sallyport_job_server.services.courier import FIRST, GIVEN_UP, Courier
from sallyport_job_server.services.senders import SIGNATURE, SendingError, WebhookSender
from sallyport_job_server.storage import outbox, tables, users
from sallyport_job_server.storage.database import put

pytestmark = pytest.mark.live
ENGINES = BOTH
HOOK_SECRET = "a secret of the webhook"


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[SmtpServer]:
    """Give a mail server that is not started yet."""
    folder = tmp_path / "mail"
    folder.mkdir()
    server = SmtpServer(folder)
    yield server
    server.stop()


@pytest.fixture
def opened() -> Iterator[list[Rig]]:
    """Give a list of job servers that are closed at the end."""
    made: list[Rig] = []
    yield made
    for one in made:
        one.services.database.engine.dispose()


@pytest.fixture
def site(rig: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch, opened: list[Rig]) -> Rig:
    """Give a job server whose mail server is not there yet."""
    opened.append(with_mail(rig, monkeypatch, f"smtp://localhost:{smtp.port}"))
    return opened[0]


def ask(site: Rig, mail: str = "") -> None:
    """Let ada be told something, at this address if given."""
    if mail:
        with site.services.database.change("test") as change:
            put(change.connection, tables.users, site.people["ada"].id, email=mail)
    site.services.messages.test(site.people["ada"])


def waiting(site: Rig) -> list[Message]:
    """Return what waits."""
    return [one.message for one in site.services.messages.waiting(site.people["ada"], 1).rows]


def test_what_cannot_be_handed_over_waits_is_seen_and_comes_later(
    site: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(site)
    assert site.services.courier.look() == 0
    (message,) = waiting(site)
    assert (message.tries, "cannot be reached" in message.fault) == (1, True)
    page = site.browser("ada").get("/staff/messages/").text
    assert "The mail server cannot be reached" in page
    assert site.services.courier.look() == 0
    assert waiting(site)[0].tries == 1
    smtp.start()
    later(monkeypatch, FIRST + 1)
    assert [mail.recipients for mail in sent(site, smtp)] == [["ada@example.org"]]
    assert waiting(site) == []
    assert "Nothing waits." in site.browser("ada").get("/staff/messages/").text


def test_what_is_refused_for_good_is_given_up_and_audited(site: Rig, smtp: SmtpServer) -> None:
    smtp.start()
    ask(site, "unknown@example.org")
    assert sent(site, smtp) == []
    assert waiting(site) == []
    (row,) = site.audit("message.give_up")
    assert row.data == {"kind": "test"}


def test_what_is_refused_for_now_waits_until_it_is_given_up(
    site: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.start()
    ask(site, "busy@example.org")
    site.services.courier.look()
    assert waiting(site)[0].fault == "The mail server answered 451: Come again later"
    later(monkeypatch, GIVEN_UP - 60)
    site.services.courier.look()
    assert waiting(site)[0].tries == 2
    later(monkeypatch, GIVEN_UP + 7200)
    site.services.courier.look()
    assert waiting(site) == []
    assert len(site.audit("message.give_up")) == 1


def test_a_message_that_cannot_be_written_keeps_no_other_back(site: Rig, smtp: SmtpServer) -> None:
    smtp.start()
    rows = [{"user_id": site.people["ada"].id, "webhook": "", "kind": "gone", "data": {}}]
    with site.services.database.change("test") as change:
        outbox.keep(change.connection, rows, clock.now())
    ask(site)
    assert len(sent(site, smtp)) == 1
    assert [one.kind for one in waiting(site)] == ["gone"]


def test_a_database_that_is_away_for_a_moment_loses_no_message(
    site: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.start()
    ask(site)

    def away(*_words: object) -> None:
        raise UnavailableError("The database does not answer; try again in a minute.")

    with monkeypatch.context() as patch:
        patch.setattr(users, "by_id", away)
        assert site.services.courier.look() == 0
    assert waiting(site)[0].tries == 1
    later(monkeypatch, FIRST + 1)
    assert len(sent(site, smtp)) == 1


def test_of_several_processes_one_hands_a_message_over(site: Rig, smtp: SmtpServer) -> None:
    smtp.start()
    for _time in range(5):
        ask(site)
    threads = [threading.Thread(target=site.services.courier.look) for _one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mails = smtp.take()
    assert len({mail.message["Message-ID"] for mail in mails}) == len(mails) == 5


def test_what_a_dead_process_took_comes_later_under_the_same_number(
    site: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.start()
    ask(site)

    def dies(*_words: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "drop", dies)
        with pytest.raises(SystemExit):
            site.services.courier.look()
    (first,) = smtp.take()
    assert sent(site, smtp) == []
    later(monkeypatch, FIRST + 1)
    (again,) = sent(site, smtp)
    assert first.message["Message-ID"] == again.message["Message-ID"]


def test_a_person_without_an_address_any_more_is_given_up(site: Rig, smtp: SmtpServer) -> None:
    smtp.start()
    ask(site)
    site.services.accounts.update(
        site.people["ada"], "ada", roles=["admin"], backend_slugs=[], is_active=True, email=""
    )
    assert sent(site, smtp) == []
    assert waiting(site) == []


@dataclass(frozen=True)
class Secure:
    """Mail servers with certificates, and job servers that trust one."""

    folder: Path
    make: Callable[..., Rig]
    servers: list[SmtpServer] = field(default_factory=list)

    def server(self, mode: str, name: str = "localhost") -> SmtpServer:
        """Start a mail server with the certificate of a name."""
        (self.folder / "mail").mkdir(exist_ok=True)
        path = self.folder / f"{name}.pem"
        if not path.exists():
            write_certificate(path, name)
        certificate = path if mode != "plain" else None
        self.servers.append(SmtpServer(self.folder / "mail", mode, certificate).start())
        return self.servers[-1]


@pytest.fixture
def secure(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Rig]
) -> Iterator[Secure]:
    """Give these; localhost is another host here, to which TLS is required."""
    monkeypatch.setattr(relays, "HERE", ())
    write_certificate(tmp_path / "localhost.pem", "localhost")

    def make(url: str, **more: object) -> Rig:
        opened.append(with_mail(rig, monkeypatch, url, ca_file=tmp_path / "localhost.pem", **more))
        return opened[-1]

    made = Secure(tmp_path, make)
    yield made
    for server in made.servers:
        server.stop()


@pytest.mark.parametrize(("mode", "scheme"), [("starttls", "smtp"), ("smtps", "smtps")])
def test_mail_is_encrypted_and_a_user_logs_in(secure: Secure, mode: str, scheme: str) -> None:
    server = secure.server(mode)
    user = USER.replace("@", "%40")
    url = f"{scheme}://{user}@localhost:{server.port}"
    wrong = secure.make(url, mail_password=Secret("not the password"))
    with pytest.raises(SendingError, match="answered 535") as caught:
        wrong.services.courier.test("rita@example.org")
    assert "not the password" not in str(caught.value)
    assert server.take() == []
    secure.make(url, mail_password=Secret(PASSWORD)).services.courier.test("rita@example.org")
    (mail,) = server.take()
    assert (mail.tls, mail.authenticated) == (True, True)


def test_without_tls_nothing_is_handed_to_another_host(secure: Secure) -> None:
    server = secure.server("plain")
    site = secure.make(f"smtp://localhost:{server.port}")
    with pytest.raises(SendingError, match="STARTTLS extension not supported"):
        site.services.courier.test("rita@example.org")
    assert server.take() == []


def test_a_mail_server_with_the_certificate_of_another_gets_nothing(secure: Secure) -> None:
    server = secure.server("starttls", "elsewhere.example")
    site = secure.make(f"smtp://localhost:{server.port}")
    with pytest.raises(SendingError, match="certificate verify failed"):
        site.services.courier.test("rita@example.org")
    assert server.take() == []


@dataclass
class Receiver:
    """A program that takes calls of webhooks; `status` is what it answers."""

    url: str
    status: int = 200
    calls: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Give a receiver, behind TLS."""
    path = tmp_path / "receiver.pem"
    write_certificate(path, "localhost")

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        made.calls.append((handler.headers[SIGNATURE], body))
        handler.send_response(made.status)
        handler.send_header("Location", f"{made.url}/elsewhere")
        handler.end_headers()

    quiet = {"do_POST": answer, "do_GET": answer, "log_message": lambda *_words: None}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("H", (BaseHTTPRequestHandler,), quiet))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Receiver(f"https://localhost:{server.server_port}/hook?key=secret-key")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def hooked(
    rig: Rig,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[Rig],
) -> Rig:
    """Give a job server that tells a webhook of requests that fail."""
    hook = {"name": "chat", "url": receiver.url, "secret": HOOK_SECRET, "topics": ["failed"]}
    ca_file = tmp_path / "receiver.pem"
    more = {"webhooks": Secret(json.dumps([hook])), "ca_file": ca_file, "mail_server": None}
    opened.append(with_mail(rig, monkeypatch, "smtp://localhost", **more))
    return opened[0]


def test_a_webhook_is_told_what_it_asked_for_with_a_signature(
    hooked: Rig, receiver: Receiver
) -> None:
    hooked.report(hooked.submit("make"), "make", "succeeded")
    assert hooked.services.courier.look() == 0
    request = hooked.submit("make")
    hooked.report(request, "make", "failed", status_message="what the log says")
    assert hooked.services.courier.look() == 1
    ((signature, body),) = receiver.calls
    digest = hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={digest}"
    told = json.loads(body)
    assert (told["kind"], told["workspace"], told["project"]) == (
        "request_failed", "heart", "cardiology",
    )  # fmt: skip
    assert told["text"].startswith(f"heart: job request {request} failed\n1 failed, on hospital.")
    assert b"log says" not in body


@pytest.mark.parametrize(("status", "waits"), [(503, True), (429, True), (410, False), (302, True)])
def test_a_webhook_that_does_not_take_a_call_is_tried_again_unless_it_is_gone(
    hooked: Rig, receiver: Receiver, status: int, waits: bool
) -> None:
    receiver.status = status
    hooked.report(hooked.submit("make"), "make", "failed")
    assert hooked.services.courier.look() == 0
    assert len(receiver.calls) == 1
    left = waiting(hooked)
    assert [one.fault for one in left] == ([f"It answered {status}."] if waits else [])
    assert "secret-key" not in hooked.dump()


def test_a_webhook_that_left_the_settings_is_given_up(hooked: Rig) -> None:
    hooked.report(hooked.submit("make"), "make", "failed")
    services = hooked.services
    courier = Courier(services.database, "", str, None, WebhookSender((), Path("/dev/null")))
    assert courier.look() == 0
    assert waiting(hooked) == []
    assert len(hooked.audit("message.give_up")) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"mail_sender": None}, "MAIL_SENDER is not set"),
        ({"mail_password": Secret("p")}, "MAIL_PASSWORD_FILE belongs to a user name"),
        ({"mail_server": MailServer("x", 25, "u", False)}, "MAIL_PASSWORD_FILE belongs to a user"),
    ],
)
def test_settings_of_mail_that_miss_something_stop_the_service(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, more: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        with_mail(rig, monkeypatch, "smtp://localhost", **more)
