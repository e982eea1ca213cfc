"""Invitations and resets: links that set a password once."""

from __future__ import annotations

import re

import pytest
from tests.unit.job_server.rig import PASSWORD, SITE, Browser, Rig
from tests.unit.job_server.test_session_ends import later
from werkzeug.test import TestResponse

from sallyport_common.problems import NotFoundError, Problem, UnauthenticatedError
from sallyport_job_server.models import Operator
from sallyport_job_server.services.password_links import GONE, INVITATION, RESET

NEW = "slow green herons wade"


def link_of(page: str) -> str:
    """Return the path of the link that a page shows."""
    address = re.search(r'id="password-link">([^<]+)<', page)
    assert address
    assert address[1].startswith(f"{SITE}/password/?link=")
    return address[1].removeprefix(SITE)


def set_password(browser: Browser, path: str, new: str = NEW) -> TestResponse:
    """Follow a link and send its form."""
    secret = path.partition("link=")[2]
    return browser.post("/password/", {"link": secret, "new": new}, page=path)


def test_an_invited_person_sets_the_first_password(rig: Rig) -> None:
    ada = rig.browser("ada")
    form = {"username": "nina", "fullname": "Nina", "email": "nina@example.org"}
    page = ada.post("/staff/users/", form)
    assert page.status_code == 200
    path = link_of(page.text)
    for guess in ("", "nobody", PASSWORD):
        with pytest.raises(UnauthenticatedError):
            rig.services.accounts.log_in("nina", guess, "", "local")
    assert "invited" in ada.get("/staff/").text
    visitor = rig.browser()
    assert "For the account <strong>nina</strong> of Nina" in visitor.get(path).text
    answer = set_password(visitor, path)
    assert answer.headers["Location"] == "/login/?username=nina"
    assert "The password is set; log in with it." in visitor.get("/login/").text
    assert rig.services.accounts.log_in("nina", NEW, "", "local")


def test_a_link_works_once_and_looking_does_not_use_it_up(rig: Rig) -> None:
    secret, _until = rig.services.password_links.create(rig.people["ada"], "rita")
    path, visitor = f"/password/?link={secret}", rig.browser()
    for _look in range(2):
        assert visitor.get(path).status_code == 200
    assert set_password(visitor, path).status_code == 302
    assert visitor.get(path).status_code == 404
    with pytest.raises(NotFoundError, match="used already or has expired"):
        rig.services.password_links.use(secret, "another fine password")
    assert rig.services.accounts.log_in("rita", NEW, "", "local")


def test_of_two_who_use_a_link_at_once_one_sets_the_password(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    links, hashed = rig.services.password_links, rig.services.accounts.hashed
    secret, _until = links.create(rig.people["ada"], "rita")

    def meanwhile(*words: str) -> str:
        monkeypatch.undo()
        links.use(secret, NEW)
        return hashed(*words)

    monkeypatch.setattr(rig.services.accounts, "hashed", meanwhile)
    with pytest.raises(NotFoundError, match="used already"):
        links.use(secret, "another fine password")
    assert rig.services.accounts.log_in("rita", NEW, "", "local")


def test_a_password_that_is_refused_does_not_use_the_link_up(rig: Rig) -> None:
    secret, _until = rig.services.password_links.create(rig.people["ada"], "rita")
    path, visitor = f"/password/?link={secret}", rig.browser()
    answer = set_password(visitor, path, "password1234")
    assert answer.status_code == 400
    assert "This password is easy to guess." in answer.text
    assert set_password(visitor, path).status_code == 302


@pytest.mark.parametrize(("invited", "lifetime"), [(True, INVITATION), (False, RESET)])
def test_a_link_ends_by_itself(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, invited: bool, lifetime: int
) -> None:
    name = "nina" if invited else "rita"
    if invited:
        rig.services.accounts.create(
            Operator(), username=name, fullname="Nina", email="", password=None
        )
    secret, _until = rig.services.password_links.create(rig.people["ada"], name)
    later(monkeypatch, lifetime - 60)
    assert rig.services.password_links.owner(secret).username == name
    later(monkeypatch, lifetime + 60)
    with pytest.raises(NotFoundError):
        rig.services.password_links.owner(secret)


def test_a_later_link_a_new_password_and_the_end_of_the_account_end_a_link(rig: Rig) -> None:
    links, ada = rig.services.password_links, rig.people["ada"]

    def closed() -> None:
        rig.services.accounts.update(ada, "rita", roles=[], backend_slugs=[], is_active=False)

    for end in (
        lambda: links.create(ada, "rita"),
        lambda: rig.services.accounts.reset_password(ada, "rita", NEW),
        closed,
    ):
        secret, _until = links.create(ada, "rita")
        assert links.owner(secret)
        end()
        with pytest.raises(NotFoundError):
            links.owner(secret)
    with pytest.raises(Problem, match="The account is closed"):
        links.create(ada, "rita")


@pytest.mark.parametrize("path", ["/password/", "/password/?link=", "/password/?link=guess"])
def test_a_link_that_nobody_made_leads_nowhere(rig: Rig, path: str) -> None:
    answer = rig.browser().get(path)
    assert answer.status_code == 404
    assert GONE in answer.text


def test_a_link_is_kept_as_a_digest_and_audited_without_it(rig: Rig) -> None:
    secret, _until = rig.services.password_links.create(rig.people["ada"], "rita")
    assert secret not in rig.dump()
    (row,) = rig.audit("user.password_link")
    assert (row.actor, row.object) == ("ada", "rita")
