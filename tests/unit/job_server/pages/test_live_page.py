"""Pages with a script, in a real browser: a request renews itself, choices say what they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.unit.job_server.rig import PASSWORD, Rig
from tests.unit.job_server.test_work_pages import CHAIN

from sallyport_job_server.storage import tables

pytestmark = pytest.mark.live


@pytest.fixture
def opened(chromium: Browser, site: str) -> Iterator[Callable[[str], Page]]:
    """Return what opens a page as rita, who logs in."""
    context = chromium.new_context()

    def open_page(path: str) -> Page:
        page = context.new_page()
        page.goto(f"{site}/login/?next={path}")
        page.get_by_label("User name").fill("rita")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        return page

    yield open_page
    context.close()


@pytest.fixture
def page(rig: Rig, opened: Callable[[str], Page]) -> tuple[str, Page]:
    """Return a request of two jobs that wait, and its page."""
    request = rig.submit()
    for action in ("make", "summarise"):
        rig.report(request, action, "pending")
    return request, opened(f"/job-requests/{request}/")


def test_it_is_renewed_while_something_in_it_has_the_focus(
    rig: Rig, page: tuple[str, Page]
) -> None:
    request, shown = page
    kept = shown.get_by_role("button", name="Cancel summarise")
    kept.focus()
    rig.report(request, "make", "running")
    expect(shown.locator(".badge.running").first).to_be_visible()
    rig.report(request, "make", "succeeded")
    expect(shown.locator("tr", has_text="make").locator(".badge.succeeded")).to_be_visible()
    expect(kept).to_be_focused()
    expect(shown.locator("#renewal")).to_be_hidden()


def test_it_says_that_the_session_has_ended(rig: Rig, page: tuple[str, Page]) -> None:
    request, shown = page
    with rig.services.database.change("test") as change:
        change.connection.execute(tables.sessions.delete())
    expect(shown.locator("#renewal")).to_contain_text("Your session has ended")
    shown.locator("#renewal").get_by_role("link", name="Log in").click()
    shown.get_by_label("User name").fill("rita")
    shown.get_by_label("Password").fill(PASSWORD)
    shown.get_by_role("button", name="Log in").click()
    expect(shown.get_by_role("heading", name=request)).to_be_visible()


def test_it_says_that_the_server_is_away_until_it_is_back(page: tuple[str, Page]) -> None:
    _request, shown = page
    shown.route("**/status.json*", lambda route: route.abort())
    expect(shown.locator("#renewal")).to_contain_text("does not answer", timeout=15_000)
    shown.unroute("**/status.json*")
    expect(shown.locator("#renewal")).to_be_hidden(timeout=15_000)


def test_the_run_page_finds_actions_and_says_what_will_run(
    rig: Rig, opened: Callable[[str], Page]
) -> None:
    rig.study.commit(CHAIN)
    page = opened("/workspaces/heart/run/")
    plan, find = page.locator("#plan"), page.get_by_label("Find")
    expect(plan).to_contain_text("Select actions to see what will run.")
    page.get_by_role("checkbox", name="figure").check()
    expect(plan).to_contain_text("3 actions run, in this order: make, model, figure.")
    find.fill("MODEL.py")
    expect(page.get_by_role("checkbox", name="model")).to_be_visible()
    expect(page.get_by_role("checkbox", name="make.py")).to_be_hidden()
    expect(page.locator("#filter-count")).to_have_text("1 of 3 shown")
    find.press("Enter")
    expect(page).to_have_url(re.compile("/run/$"))
    find.fill("")
    page.get_by_role("group", name="Stage 1 needs nothing").get_by_role("button").click()
    expect(page.get_by_role("checkbox", name="make.py")).to_be_checked()
    page.get_by_label("Note").fill("For Ann")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Job request")).to_be_visible()
    expect(page.get_by_text("For Ann")).to_be_visible()
