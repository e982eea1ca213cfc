"""What people are told by mail: about what, in which words, and what they choose not to be told."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.rig import PASSWORD, SITE, Rig, file_entry, file_list, make_settings
from tests.unit.job_server.smtp import Mail, SmtpServer
from tests.unit.job_server.test_session_ends import later

from sallyport_common.problems import NotFoundError, Problem
from sallyport_common.tokens import new_ulid
from sallyport_job_server import cli, letters
from sallyport_job_server.letters import Kind, Topic
from sallyport_job_server.models import Operator
from sallyport_job_server.relays import MailServer
from sallyport_job_server.services.bundle import build
from sallyport_job_server.services.password_links import PAUSE

pytestmark = pytest.mark.live
SENDER = "tre@example.org"
NEW = "slow green herons wade"


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpServer]:
    """Give a mail server."""
    server = SmtpServer(tmp_path_factory.mktemp("mail")).start()
    yield server
    server.stop()


@pytest.fixture
def site(rig: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Give a job server that sends mail."""
    made = with_mail(rig, monkeypatch, f"smtp://localhost:{smtp.port}")
    yield made
    made.services.database.engine.dispose()
    smtp.take()


def with_mail(rig: Rig, monkeypatch: pytest.MonkeyPatch, url: str, **more: object) -> Rig:
    """Return the same job server with a mail server."""
    database = rig.services.database.engine.url.render_as_string(hide_password=False)
    mail: dict[str, object] = {"mail_server": MailServer.parse(url), "mail_sender": SENDER}
    settings = make_settings(rig.folder, database_url=database, **mail | more)
    services = build(settings, HASHER)
    monkeypatch.setitem(rig.app.extensions, "sallyport", services)
    return replace(rig, services=services)


def sent(site: Rig, smtp: SmtpServer) -> list[Mail]:
    """Let the courier look, and return what came."""
    site.services.courier.look()
    return sorted(smtp.take(), key=lambda mail: mail.recipients)


def told(site: Rig, smtp: SmtpServer) -> list[tuple[str, str]]:
    """Let the courier look, and return who was told what."""
    return [(mail.recipients[0].partition("@")[0], mail.subject) for mail in sent(site, smtp)]


@pytest.mark.parametrize(
    ("status", "code", "end", "counts"),
    [
        ("succeeded", "", "succeeded", "2 succeeded, on hospital."),
        ("failed", "nonzero_exit", "failed", "1 succeeded, 1 failed, on hospital."),
        ("failed", "cancelled_by_user", "was cancelled", "1 succeeded, 1 cancelled, on hospital."),
    ],
)
def test_who_asked_for_jobs_is_told_how_they_ended(
    site: Rig, smtp: SmtpServer, status: str, code: str, end: str, counts: str
) -> None:
    request = site.submit("summarise")
    site.report(request, "make", "running")
    site.report(request, "summarise", "pending")
    site.report(request, "make", "succeeded")
    assert sent(site, smtp) == []
    secret = "what the log of a job says"
    site.report(request, "summarise", status, status_code=code, status_message=secret)
    (mail,) = sent(site, smtp)
    assert mail.recipients == ["rita@example.org"]
    assert mail.subject == f"heart: job request {request} {end}"
    assert mail.text.startswith(f"{counts}\n\n{SITE}/job-requests/{request}/\n")
    assert (mail.message["From"], mail.message["Auto-Submitted"]) == (SENDER, "auto-generated")
    whole = mail.message.as_string()
    assert secret not in whole
    assert "summarise" not in whole
    assert sent(site, smtp) == []


def test_a_person_is_not_told_what_they_chose_not_to_be_told(site: Rig, smtp: SmtpServer) -> None:
    browser = site.browser("rita")
    page = browser.get("/settings/").text
    assert page.count('name="topics"') == len(Topic)
    assert len(re.findall(r'name="topics" value="\w+" checked', page)) == len(Topic)
    browser.post("/settings/messages/", {"topics": ["failed", "review"]}, "/settings/")
    page = browser.get("/settings/").text
    assert set(re.findall(r'name="topics" value="(\w+)" checked', page)) == {"failed", "review"}
    for status, expected in (("succeeded", 0), ("failed", 1)):
        site.report(site.submit("make"), "make", status)
        assert len(sent(site, smtp)) == expected
    wrong = browser.post("/settings/messages/", {"topics": ["weather"]}, "/settings/")
    assert (wrong.status_code, "is not a topic of messages" in wrong.text) == (400, True)


def test_members_are_told_of_a_release_once_its_last_file_is_here(
    site: Rig, smtp: SmtpServer
) -> None:
    site.has_run()
    entries = [file_entry(name, worlds.TABLE) for name in ("one.csv", "two.csv")]
    body = file_list(*entries, airlock_id=new_ulid())
    made = site.call("POST", "/releases/workspace/heart", "publish", json=body, OS_User="carl")
    release = made.headers["Release-Id"]
    worlds.upload(site, release, "one.csv")
    assert sent(site, smtp) == []
    worlds.upload(site, release, "two.csv")
    mails = sent(site, smtp)
    assert [mail.recipients for mail in mails] == [["cora@example.org"], ["rita@example.org"]]
    assert mails[0].subject == "heart: release of 2 files"
    assert "carl released 2 files of the workspace heart in cardiology" in mails[0].text
    assert ".csv" not in mails[0].message.as_string()


def test_approvers_are_told_of_a_set_and_its_proposer_of_the_decision(
    site: Rig, smtp: SmtpServer
) -> None:
    site.has_run()
    file = worlds.upload(site, worlds.announce(site)).headers["File-Id"]
    sent(site, smtp)
    snapshots, paul = site.services.snapshots, site.people["paul"]
    proposed = snapshots.create(site.people["rita"], "heart", [file])
    assert told(site, smtp) == [("paul", "heart: proposal of 1 file for publication")]
    snapshots.reject(paul, "heart", proposed.id, "too few")
    assert told(site, smtp) == [("rita", "heart: the files that you proposed were rejected")]
    snapshots.create(site.people["rita"], "heart", [file])
    assert len(sent(site, smtp)) == 1
    snapshots.publish(paul, "heart", proposed.id)
    assert told(site, smtp) == [("rita", "heart: the files that you proposed are public")]
    snapshots.reject(paul, "heart", proposed.id, "a mistake")
    (mail,) = sent(site, smtp)
    assert mail.subject == "heart: the files that you proposed were withdrawn"
    assert "mistake" not in mail.text


def test_who_proposes_is_not_asked_to_decide(site: Rig, smtp: SmtpServer) -> None:
    site.has_run()
    site.services.directory.set_member(site.people["ada"], "cardiology", "paul", ["researcher"])
    file = worlds.upload(site, worlds.announce(site)).headers["File-Id"]
    sent(site, smtp)
    site.services.snapshots.create(site.people["paul"], "heart", [file])
    assert sent(site, smtp) == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("request_submitted", ("carl", "heart: outputs wait for review on The Hospital")),
        ("request_resubmitted", ("carl", "heart: outputs wait for review on The Hospital")),
        ("request_returned", ("rita", "heart: your outputs came back from review")),
        ("request_rejected", ("rita", "heart: your outputs will not be released")),
        ("request_reviewed", None),
    ],
)
def test_a_review_is_told_to_whom_it_concerns(
    site: Rig, smtp: SmtpServer, event: str, expected: tuple[str, str] | None
) -> None:
    body = {
        "event_type": event, "workspace": "heart", "request": new_ulid(),
        "request_author": "rita", "user": "rita", "updates": None,
    }  # fmt: skip
    assert site.call("POST", "/airlock/events/", "review", json=body).status_code == 201
    assert told(site, smtp) == ([expected] if expected else [])


def test_changes_of_an_account_are_told_whatever_was_chosen(site: Rig, smtp: SmtpServer) -> None:
    services, rita = site.services, site.people["rita"]
    services.accounts.choose_topics(rita, [])
    words, _until = services.login_tokens.create(rita)
    assert told(site, smtp) == [("rita", "A log-in for the release hatch was created")]
    services.login_tokens.redeem(services.backends.by_slug("hospital"), "rita", words)
    assert told(site, smtp) == [("rita", "A log-in for the release hatch was used")]
    services.second_factor.end_of_account(Operator(), "rita")
    assert told(site, smtp) == [("rita", "One-time codes of rita are off")]
    services.accounts.change_password(rita, PASSWORD, NEW)
    assert told(site, smtp) == [("rita", "The password of rita was changed")]


def link_in(mail: Mail) -> str:
    """Return the path of the link in a mail."""
    found = re.search(rf"{SITE}(/password/\?link=\S+)", mail.text)
    assert found
    return found[1]


def test_who_forgot_the_password_sets_a_new_one_by_a_link(site: Rig, smtp: SmtpServer) -> None:
    visitor = site.browser()
    assert 'href="/password/forgotten/"' in visitor.get("/login/").text
    page = "/password/forgotten/"
    answer = visitor.post(page, {"name": "RITA@example.org"}, page)
    assert "a link was sent" in answer.text
    assert "link=" not in site.dump()
    (mail,) = sent(site, smtp)
    assert (mail.recipients, mail.subject) == (["rita@example.org"], "A new password for rita")
    secret = link_in(mail).partition("link=")[2]
    assert secret not in site.dump()
    assert (
        visitor.post("/password/", {"link": secret, "new": NEW}, link_in(mail)).status_code == 302
    )
    assert site.services.accounts.log_in("rita", NEW, "", "local")
    assert told(site, smtp) == [("rita", "The password of rita was changed")]


def test_the_page_says_the_same_of_a_name_that_nobody_has(site: Rig, smtp: SmtpServer) -> None:
    site.services.accounts.update(
        site.people["ada"], "mallory", roles=[], backend_slugs=[], is_active=False
    )
    page, answers = "/password/forgotten/", set()
    for name in ("rita", "nobody", "mallory", ""):
        answer = site.browser().post(page, {"name": name}, page)
        answers.add((answer.status_code, re.sub(r'value="[^"]*"', "", answer.text)))
    assert len(answers) == 1
    assert told(site, smtp) == [("rita", "A new password for rita")]
    rows = site.audit("user.forgotten")
    assert sorted(row.object for row in rows) == ["", "", "", "rita"]


def test_asking_again_at_once_sends_no_second_link(
    site: Rig, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = site.services.password_links
    for _time in range(3):
        links.forgotten("rita", "local")
    assert len(sent(site, smtp)) == 1
    links.forgotten("rita", "local")
    assert sent(site, smtp) == []
    later(monkeypatch, PAUSE + 60)
    links.forgotten("rita", "local")
    assert len(sent(site, smtp)) == 1


def test_one_address_cannot_ask_for_many(site: Rig) -> None:
    page = "/password/forgotten/"
    answers = [
        site.browser().post(page, {"name": f"n{number}"}, page).status_code for number in range(31)
    ]
    assert answers == [200] * 30 + [429]


def test_a_site_without_mail_leads_nobody_there(rig: Rig) -> None:
    visitor = rig.browser()
    assert "/password/forgotten/" not in visitor.get("/login/").text
    assert visitor.get("/password/forgotten/").status_code == 404
    with pytest.raises(NotFoundError, match="Ask an administrator"):
        rig.services.password_links.forgotten("rita", "local")
    ada = rig.browser("ada")
    assert "job_server_mail_server" in ada.get("/staff/messages/").text
    assert 'id="messages"' not in ada.get("/settings/").text
    with pytest.raises(Problem, match="sends no mail"):
        rig.services.courier.test("ada@example.org")
    rig.report(rig.submit("make"), "make", "succeeded")
    assert rig.services.messages.waiting(rig.people["ada"], 1).rows == []


def test_an_invitation_goes_to_the_person(site: Rig, smtp: SmtpServer) -> None:
    ada = site.browser("ada")
    form = {"username": "nina", "fullname": "Nina", "email": "nina@example.org"}
    answer = ada.post("/staff/users/", form)
    assert answer.headers["Location"] == "/staff/users/nina/"
    (mail,) = sent(site, smtp)
    assert (mail.recipients, mail.subject) == (["nina@example.org"], "Your account nina")
    assert "within seven days" in mail.text
    secret = link_in(mail).partition("link=")[2]
    visitor = site.browser()
    assert (
        visitor.post("/password/", {"link": secret, "new": NEW}, link_in(mail)).status_code == 302
    )
    assert site.services.accounts.log_in("nina", NEW, "", "local")


def test_without_a_mail_address_the_link_is_shown(site: Rig, smtp: SmtpServer) -> None:
    page = site.browser("ada").post("/staff/users/", {"username": "nina", "fullname": "Nina"})
    assert 'id="password-link"' in page.text
    assert sent(site, smtp) == []
    refused = site.browser("ada").post("/staff/users/nina/link/mail/", {}, "/staff/users/nina/")
    assert "Mail does not reach nina." in refused.text


def test_an_administrator_sends_a_test(site: Rig, smtp: SmtpServer) -> None:
    ada = site.browser("ada")
    ada.post("/staff/messages/test/", {}, "/staff/messages/")
    assert told(site, smtp) == [("ada", "A test of this site's mail")]
    site.services.courier.test("somebody@example.org")
    assert [mail.recipients for mail in smtp.take()] == [["somebody@example.org"]]


def test_the_command_sends_a_test(
    site: Rig, smtp: SmtpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    cli._mail_test(site.services, argparse.Namespace(address="somebody@example.org"))
    assert capsys.readouterr().out == "the mail server took a mail for somebody@example.org\n"
    assert [mail.recipients for mail in smtp.take()] == [["somebody@example.org"]]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_occasion_can_be_told_on_one_line_each(kind: Kind) -> None:
    names = ("workspace", "request", "counts", "backend", "who", "files", "project", "username",
             "until")  # fmt: skip
    letter = letters.write(kind, dict.fromkeys(names, "x") | {"path": "/y/"}, SITE)
    for text in (letter.subject, letter.text):
        assert text
        assert "\n" not in text
        assert "{" not in text
    assert letter.url == f"{SITE}/y/"
    assert letter.body(SITE).endswith(f"choose what about at {SITE}/settings/.\n")
    assert (kind.topic is None) == (kind in tuple(Kind)[11:])
