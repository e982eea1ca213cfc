"""Log-ins with the account of one's organisation, at a real provider of OpenID Connect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import requests
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.organisation import BACK, Organisation, organisation
from tests.unit.job_server.rig import PASSWORD, SITE, Browser, Rig, make_settings

from sallyport_common.errors import SettingsError
from sallyport_job_server.app import create_app
from sallyport_job_server.relays import MailServer
from sallyport_job_server.storage import tables, users

pytestmark = pytest.mark.live
ROLES = {"administrators": ("admin",), "approvers": ("publication_approver",)}
Site = Callable[..., Rig]


@pytest.fixture(scope="module")
def hospital() -> Iterator[Organisation]:
    """The provider, with the people rita.h and ada.h."""
    with organisation() as made:
        yield made


@pytest.fixture
def site(rig: Rig, hospital: Organisation) -> Site:
    """Make the same job server with the provider."""

    def made(mail: str | None = None, **more: Any) -> Rig:
        url = rig.services.database.engine.url.render_as_string(hide_password=False)
        settings = make_settings(
            rig.folder,
            database_url=url,
            mail_server=MailServer.parse(mail) if mail else None,
            mail_sender="jobs@example.org",
            **hospital.settings(**more),
        )
        app = create_app(settings, HASHER)
        app.testing = True
        return replace(rig, app=app, services=app.extensions["sallyport"])

    return made


def invite(site: Rig, username: str, mail: str, **more: Any) -> None:
    """Make an account without a password."""
    site.services.accounts.create(
        site.people["ada"], username=username, fullname="N", email=mail, password=None, **more
    )


def name(browser: Browser) -> str:
    """Return who is logged in; empty for nobody."""
    found = re.search(r'<span class="who">([^<]+)<', browser.get("/published/").text)
    return found[1] if found else ""


def test_who_has_no_account_gets_one_where_the_site_says_so(
    site: Site, hospital: Organisation
) -> None:
    closed, browser = site(), site().browser()
    answer = hospital.enter(browser, "rita.h")
    assert (answer.status_code, "no account here yet" in answer.text) == (401, True)
    assert name(browser) == ""
    assert [row.event for row in closed.audit("user.log_in")] == ["user.log_in_refused"]
    open_site = site(creates_accounts=True)
    browser = open_site.browser()
    answer = hospital.enter(browser, "rita.h", "/settings/")
    assert (answer.status_code, answer.location) == (302, "/settings/")
    assert name(browser) == "rita.h"
    again = open_site.browser()
    hospital.enter(again, "rita.h")
    assert name(again) == "rita.h"
    events = [row.event for row in open_site.audit()][:5]
    assert events == ["user.log_in", "user.log_in", "identity.link", "user.create", *events[4:]]


def test_a_name_at_the_provider_is_no_name_here(site: Site, hospital: Organisation) -> None:
    """The control is the account without a password, which was made for this mail address."""
    open_site = site(creates_accounts=True)
    create = open_site.services.accounts.create
    create(
        open_site.people["ada"], username="rita.h", fullname="Another", email="",
        password=PASSWORD,
    )  # fmt: skip
    browser = open_site.browser()
    answer = hospital.enter(browser, "rita.h")
    assert (answer.status_code, "There is an account rita.h here" in answer.text) == (409, True)
    assert name(browser) == ""
    assert [row.event for row in open_site.audit("user.log_in")] == ["user.log_in_refused"]


@pytest.mark.parametrize(
    ("password", "mail", "verified", "enters"),
    [
        (False, "A.Hospital@example.org", True, True),
        (True, "a.hospital@example.org", True, False),
        (False, "x@y.z", True, False),
        (False, "a.hospital@example.org", False, False),
    ],
)
def test_an_invited_account_is_that_of_the_mail_address(
    site: Site, hospital: Organisation, password: bool, mail: str, verified: bool, enters: bool
) -> None:
    the = site(verifies_mail=verified)
    invite(the, "somebody", mail, roles=["output_checker"])
    if password:
        secret, _until = the.services.password_links.create(the.people["ada"], "somebody")
        the.services.password_links.use(secret, "a password that is long enough")
    browser = the.browser()
    answer = hospital.enter(browser, "ada.h")
    assert (answer.status_code == 302, name(browser)) == (enters, "somebody" if enters else "")


def test_the_owner_of_an_account_links_it(site: Site, hospital: Organisation) -> None:
    the = site()
    browser = the.browser("rita")
    page = browser.post("/settings/identities/").text
    address = re.search(r'class="button" href="([^"]+)"', page)
    assert address is not None
    back = hospital.log_in(address[1].replace("&amp;", "&"), "rita.h").removeprefix(SITE)
    assert browser.get(back).location.startswith("/settings/")
    assert "127.0.0.1" in browser.get("/settings/").text
    fresh = the.browser()
    hospital.enter(fresh, "rita.h")
    assert name(fresh) == "rita"
    other = the.browser("cora")
    page = other.post("/settings/identities/").text
    address = re.search(r'class="button" href="([^"]+)"', page)
    assert address is not None
    back = hospital.log_in(address[1].replace("&amp;", "&"), "rita.h").removeprefix(SITE)
    assert other.get(back).status_code == 409
    number = the.services.identities.of(the.people["rita"])[0].id
    assert other.post(f"/settings/identities/{number}/end/").status_code == 404
    assert browser.post(f"/settings/identities/{number}/end/").status_code == 302
    assert hospital.enter(the.browser(), "rita.h").status_code == 401


def test_the_only_way_to_log_in_is_not_removed(site: Site, hospital: Organisation) -> None:
    """The control is the same link of somebody who has a password, too."""
    the = site(creates_accounts=True)
    browser = the.browser()
    hospital.enter(browser, "rita.h")
    with the.services.database.read() as connection:
        user = users.required(connection, "rita.h")
    [linked] = the.services.identities.of(user)
    refused = browser.post(f"/settings/identities/{linked.id}/end/", page="/settings/")
    assert (refused.status_code, "only way to log in" in refused.text) == (400, True)
    secret, _until = the.services.password_links.create(the.people["ada"], "rita.h")
    the.services.password_links.use(secret, "a password that is long enough")
    hospital.enter(browser, "rita.h")
    answer = browser.post(f"/settings/identities/{linked.id}/end/", page="/settings/")
    assert answer.status_code == 302
    assert the.services.identities.of(user) == []


def test_who_logs_in_at_the_provider_alone_is_sent_no_password_link(
    site: Site, hospital: Organisation
) -> None:
    """The control is an invited person whom the provider has not logged in yet."""
    the = site("smtp://localhost", verifies_mail=True)
    invite(the, "ada2", "a.hospital@example.org")
    for waiting in (1, 0):
        with the.services.database.change("test") as change:
            change.connection.execute(tables.messages.delete())
        the.services.password_links.forgotten("ada2", "192.0.2.7")
        with the.services.database.read() as connection:
            assert len(connection.execute(tables.messages.select()).all()) == waiting
        hospital.enter(the.browser(), "ada.h")


def test_a_link_needs_the_token_of_our_page(site: Site) -> None:
    browser = site().browser("rita")
    assert browser.send("/settings/identities/", {}).status_code == 403
    assert browser.post("/settings/identities/").status_code == 200


def test_an_answer_counts_for_the_browser_that_asked_and_once(
    site: Site, hospital: Organisation
) -> None:
    """The control is the same answer in the browser that began."""
    the = site(creates_accounts=True)
    mine, another = the.browser(), the.browser()
    begun = mine.get("/login/organisation/").headers["Location"]
    asked = parse_qs(urlsplit(begun).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    back = hospital.log_in(begun, "rita.h").removeprefix(SITE)
    assert another.get(back).status_code == 400
    assert name(another) == ""
    assert mine.get(back).status_code == 302
    assert name(mine) == "rita.h"
    assert mine.get(back).status_code == 400


def test_roles_follow_the_groups_at_each_log_in(site: Site, hospital: Organisation) -> None:
    the = site(roles=ROLES, verifies_mail=True)
    invite(the, "ada2", "a.hospital@example.org", roles=["publication_approver", "output_checker"])
    hospital.enter(the.browser(), "ada.h")
    with the.services.database.read() as connection:
        user = users.required(connection, "ada2")
    assert user.roles == ["admin", "output_checker"]
    assert the.audit("user.roles")[0].data["roles"] == user.roles


def test_a_closed_account_stays_closed(site: Site, hospital: Organisation) -> None:
    the = site(creates_accounts=True)
    hospital.enter(the.browser(), "rita.h")
    the.services.accounts.update(
        the.people["ada"], "rita.h", roles=[], backend_slugs=[], is_active=False
    )
    browser = the.browser()
    answer = hospital.enter(browser, "rita.h")
    assert (answer.status_code, "is closed" in answer.text, name(browser)) == (401, True, "")


def test_one_time_codes_are_asked_for_afterwards(site: Site, hospital: Organisation) -> None:
    the = site(creates_accounts=True)
    hospital.enter(the.browser(), "rita.h")
    with the.services.database.read() as connection:
        user = users.required(connection, "rita.h")
    secret = pyotp.random_base32()
    codes = the.services.second_factor.turn_on(user, secret, pyotp.TOTP(secret).now())
    browser = the.browser()
    answer = hospital.enter(browser, "rita.h", "/settings/")
    assert answer.location == "/login/code/"
    assert browser.get("/settings/").status_code == 302
    wrong = browser.post("/login/code/", {"code": "000000"}, "/login/code/")
    assert (wrong.status_code, name(browser)) == (400, "")
    right = browser.post("/login/code/", {"code": codes[0]}, "/login/code/")
    assert (right.location, name(browser)) == ("/settings/", "rita.h")
    assert the.browser().get("/login/code/").status_code == 401


def test_what_the_provider_refuses_is_said(site: Site) -> None:
    browser = site().browser()
    begun = browser.get("/login/organisation/").headers["Location"]
    state = parse_qs(urlsplit(begun).query)["state"][0]
    refused = browser.get(f"{BACK}?error=access_denied&error_description=Not+you&state={state}")
    assert (refused.status_code, "Not you" in refused.text) == (400, True)


def test_a_provider_that_does_not_answer_is_said(rig: Rig, hospital: Organisation) -> None:
    away = replace(hospital, issuer="http://127.0.0.1:9")
    settings = make_settings(rig.folder, **away.settings())
    app = create_app(settings, HASHER)
    answer = app.test_client().get("/login/organisation/", base_url=SITE)
    assert (answer.status_code, "does not answer as it should" in answer.text) == (503, True)


def test_another_issuer_is_refused(site: Site, hospital: Organisation) -> None:
    """The provider calls itself by its address; the control is every other test."""
    the = site(issuer=hospital.issuer.replace("127.0.0.1", "localhost"), creates_accounts=True)
    browser = the.browser()
    answer = hospital.enter(browser, "rita.h")
    assert (answer.status_code, "calls itself" in answer.text, name(browser)) == (400, True, "")


def test_without_a_provider_there_is_no_such_log_in(rig: Rig) -> None:
    assert rig.browser().get("/login/organisation/").status_code == 404
    assert "organisation" not in rig.browser().get("/login/").text


def test_a_provider_needs_the_secret(rig: Rig, hospital: Organisation) -> None:
    settings = make_settings(rig.folder, **hospital.settings() | {"oidc_client_secret": None})
    with pytest.raises(SettingsError, match="OIDC_CLIENT_SECRET"):
        create_app(settings, HASHER)


def test_a_wrong_secret_lets_nobody_in(
    site: Site, hospital: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    the = site(creates_accounts=True)
    client = the.app.extensions["authlib.integrations.flask_client"].provider
    monkeypatch.setattr(client, "client_secret", "wrong")
    browser = the.browser()
    assert hospital.enter(browser, "rita.h").status_code == 400
    assert name(browser) == ""


def test_the_provider_asks_before_it_tells(hospital: Organisation) -> None:
    """The control of the tests above: the provider does not let everybody in."""
    answer = requests.get(f"{hospital.issuer}/oauth/userinfo", timeout=30)
    assert answer.status_code in {401, 403}
