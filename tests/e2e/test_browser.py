"""The pages in a real browser: they work, fit a desk and a phone, and the console stays quiet."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from console import BUILD, ROOT
from journey import Journey
from places import Places

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = BUILD / "screenshots"
PICTURES = ROOT / "docs/images"
"""README's pictures; a run with SALLYPORT_PICTURES=1 takes them again."""
PICTURE = (1100, 760)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
FITS = "document.scrollingElement.scrollWidth <= innerWidth"
TABLE = "output/conditions.csv"
AUTHOR, CHECKER = "casey", "chen"
"""The author has no request open when the other tests ask for releases."""
DESCRIPTION = {
    "Why is this release needed?": "Show that the pages work.",
    "Context: what do the files show, about which population?": "Counts of synthetic patients.",
    "Controls: what was done against disclosure?": "Small counts are redacted, others rounded.",
}


def trust(home: Path, authority: Path) -> None:
    """Let a browser with this home trust an authority, as a person would: in its database."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    words = ["-A", "-t", "C,,", "-n", "site", "-i", str(authority)]
    subprocess.run([*certutil, *words], check=True)


@pytest.fixture(scope="module")
def browser(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start a browser that finds the rig's names and trusts its authority, and nobody else's."""
    home = tmp_path_factory.mktemp("browser")
    trust(home, places.authority)
    names = [f"MAP {places.host(name)} {places.address(name)}" for name in ("jobs", "hatch")]
    with sync_playwright() as playwright:
        # A container's root has no sandbox of chromium's; all pages here are ours.
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", f"--host-resolver-rules={', '.join(names)}"],
            env={**os.environ, "HOME": str(home)},
        )
        yield started
        started.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Return what opens a window of a new person; at the end no console may hold an error."""
    complaints: list[str] = []

    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            complaints.append(f"{said.text} ({said.location['url']})")

    def opened() -> Page:
        page = browser.new_context().new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert complaints == []


def look(page: Page, name: str = "") -> None:
    """See that a page fits both sizes; keep pictures of it if it has a name."""
    page.wait_for_load_state()  # a click is over before the style sheets are there
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(FITS), f"{page.url} is wider than {width} pixels"
        if name:
            page.screenshot(path=SCREENSHOTS / f"{name}-{size}.png", full_page=True)
    if name and os.environ.get("SALLYPORT_PICTURES"):
        width, height = PICTURE
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=PICTURES / f"{name}.png")


def enter_hatch(page: Page, journey: Journey, name: str) -> None:
    """Log somebody in to the hatch with a new one-use token."""
    page.goto(f"{journey.places.url('hatch')}/login")
    look(page)
    page.get_by_label("User name or email").fill(name)
    page.get_by_label("Three words").fill(journey.person(name).login_token())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    look(page)


@pytest.fixture
def asked(results: Journey, window: Callable[[], Page]) -> Iterator[str]:
    """Ask for a release in the page; take the request back at the end."""
    page = window()
    enter_hatch(page, results, AUTHOR)
    page.get_by_role("link", name=results.workspace, exact=True).click()
    page.get_by_role("checkbox", name=f"Choose {TABLE}").check()
    for label, text in DESCRIPTION.items():
        page.get_by_label(label).fill(text)
    page.locator("#policy").check()
    look(page)
    page.get_by_role("button", name="Ask for review").click()
    expect(page.locator("h1 .state")).to_have_text("Submitted")
    identifier = page.locator("#request-id").inner_text()
    look(page)
    yield identifier
    address = f"/requests/{identifier}"
    results.hatch(CHECKER).post(address, f"{address}/return", {"comment": "Not needed."})
    author = results.hatch(AUTHOR)
    author.post(address, f"{address}/withdraw", {})
    assert author.state(identifier) == "withdrawn"


def test_a_job_request_page_follows_its_jobs(journey: Journey, window: Callable[[], Page]) -> None:
    page = window()
    page.goto(f"{journey.places.url('jobs')}/login/")
    look(page)
    page.get_by_label("User name").fill("rachel")
    page.get_by_label("Password").fill(journey.passwords["rachel"])
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=journey.workspace, exact=True).first.click()
    look(page)
    page.get_by_role("link", name="Run jobs").click()
    page.get_by_role("checkbox", name=re.compile("^describe")).check()
    look(page)
    page.get_by_role("button", name="Submit").click()
    state = page.locator("#state .state .badge")
    expect(state).to_have_text(re.compile("pending|running"))
    page.evaluate("window.sameDocument = true")
    expect(state).to_have_text("succeeded", timeout=45_000)
    assert page.evaluate("window.sameDocument"), "the page was reloaded"
    look(page, "job_request")


def test_an_author_reads_a_table(results: Journey, window: Callable[[], Page]) -> None:
    page = window()
    enter_hatch(page, results, AUTHOR)
    page.get_by_role("link", name=results.workspace, exact=True).click()
    page.get_by_role("link", name=TABLE).click()
    expect(page.get_by_role("columnheader", name="patients")).to_be_visible()
    look(page)


def test_a_checker_sees_the_review_page(
    results: Journey, asked: str, window: Callable[[], Page]
) -> None:
    page = window()
    enter_hatch(page, results, CHECKER)
    page.locator(f"a[href$='/requests/{asked}']").click()
    expect(page.get_by_role("group", name=f"Your vote on {TABLE}")).to_be_visible()
    expect(page.locator("#reviews")).to_have_text("0 of 2 reviews are in")
    look(page, "review")
