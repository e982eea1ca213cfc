"""What people do on the pages, in a real browser: at a desk, on a phone, enlarged, without a mouse.

Every page on the way has to fit its window and to have nothing that axe finds: the rules of WCAG 2
and what it calls best practice. Pictures are in build/screenshots.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from tests.unit.job_server import worlds
from tests.unit.job_server.pages.conftest import PATIENCE
from tests.unit.job_server.rig import PASSWORD, SITE, Rig
from tests.unit.job_server.test_work_pages import CHAIN

from sallyport_job_server.services.access_tokens import Wish

pytestmark = pytest.mark.live
SIZES = {"desk": (1280, 900), "phone": (390, 844), "enlarged": (640, 450)}
"""The last is a desk's window at 200 %: the same pixels of the style sheet."""
SCREENSHOTS = Path(__file__).parents[4] / "build/screenshots"
FITS = "document.scrollingElement.scrollWidth <= innerWidth"
FOCUSED = "document.activeElement.closest('label, a, button, input, select')?.outerHTML ?? ''"
PALE = """() => {
  const pale = document.createElement("p");
  pale.textContent = "pale";
  pale.style.color = "#ccc";  // the policy refuses styles in HTML
  document.querySelector("main").append(pale);
}"""
NEW = "another long password"
AXE = Axe()


@dataclass
class Person:
    """Somebody before a window of one size."""

    page: Page
    site: str
    size: str
    errors: list[str] = field(default_factory=list)
    """What the console said, but for axe's own styles, which the policy of our pages refuses."""

    def __post_init__(self) -> None:
        self._is_judged = False
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, said: ConsoleMessage) -> None:
        if said.type == "error" and "status of 4" not in said.text and not self._is_judged:
            self.errors.append(f"{said.text} ({said.location['url']})")

    def complaints(self) -> list[str]:
        """Return what axe finds on the page."""
        self._is_judged = True
        found = AXE.run(self.page).response["violations"]
        self._is_judged = False
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def open(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.site + path)

    def look(self, name: str) -> None:
        """See that the page fits and that axe finds nothing; keep a picture of it."""
        self.page.wait_for_load_state()
        assert self.page.evaluate(FITS), f"{self.page.url} is wider than the window"
        assert self.complaints() == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"jobs-{name}-{self.size}.png", full_page=True)

    def fill(self, **texts: str) -> None:
        """Fill fields, by their labels with underscores for spaces."""
        for label, text in texts.items():
            self.page.get_by_label(label.replace("_", " "), exact=True).fill(text)

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name).first.click()

    def log_in(self, name: str, password: str = PASSWORD, code: str = "") -> None:
        """Log in, from wherever the person is."""
        self.fill(User_name=name, Password=password)
        self.page.locator("#totp").fill(code)
        self.press("Log in")

    @property
    def main(self) -> Locator:
        """What is below the head of the page."""
        return self.page.locator("main")


Opened = Callable[[str], Person]


@pytest.fixture(params=SIZES)
def opened(chromium: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Return what opens a window for somebody who logs in; no console may hold an error."""
    people: list[Person] = []
    width, height = SIZES[request.param]

    def open_window(name: str) -> Person:
        context = chromium.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE)
        person = Person(context.new_page(), site, request.param)
        people.append(person)
        person.open("/login/")
        if name:
            person.log_in(name)
            expect(person.page.get_by_role("heading", name="Home")).to_be_visible()
        return person

    yield open_window
    for context in chromium.contexts:
        context.close()
    assert [error for person in people for error in person.errors] == []


def test_axe_finds_a_pale_text(opened: Opened) -> None:
    """The control of every look: contrast is judged."""
    person = opened("")
    assert person.complaints() == []
    person.page.evaluate(PALE)
    assert [one.partition(":")[0] for one in person.complaints()] == ["color-contrast"]


def test_one_time_codes_and_recovery_codes(opened: Opened) -> None:
    rita = opened("rita")
    rita.open("/settings/#codes")
    rita.press("Set up")
    rita.look("codes")
    secret = rita.page.locator("#codes .token").inner_text()
    rita.page.locator("#code").fill(pyotp.TOTP(secret).now())
    rita.press("Turn on")
    codes = rita.page.locator("#codes li.token").all_inner_texts()
    assert len(codes) == 10
    rita.look("recovery-codes")
    rita.press("Log out")
    rita.log_in("rita", code="000000")
    expect(rita.page.get_by_role("alert")).to_contain_text("wrong")
    rita.look("refused")
    rita.log_in("rita", code=pyotp.TOTP(secret).at(time.time() + 30))
    expect(rita.page.get_by_role("heading", name="Home")).to_be_visible()
    rita.press("Log out")
    rita.log_in("rita", code=codes[0])
    expect(rita.page.get_by_role("heading", name="Home")).to_be_visible()
    rita.press("Log out")
    rita.log_in("rita", code=codes[0])
    expect(rita.page.get_by_role("alert")).to_contain_text("wrong")


def test_a_link_sets_a_password(opened: Opened) -> None:
    ada = opened("ada")
    ada.open("/staff/users/rita/")
    ada.look("account")
    ada.press("Make a link to set a password")
    link = ada.page.locator("#password-link").inner_text()
    ada.look("account-link")
    rita = opened("")
    rita.open(link.removeprefix(SITE))
    rita.look("set-password")
    rita.page.get_by_label("New password").fill("password")
    rita.page.get_by_role("button").last.click()
    expect(rita.page.get_by_role("alert")).to_be_visible()
    rita.look("set-password-refused")
    rita.page.get_by_label("New password").fill(NEW)
    rita.page.get_by_role("button").last.click()
    expect(rita.page.get_by_label("User name")).to_have_value("rita")
    rita.log_in("rita", NEW)
    expect(rita.page.get_by_role("heading", name="Home")).to_be_visible()


def test_jobs_are_asked_for_watched_cancelled_and_run_again(rig: Rig, opened: Opened) -> None:
    rig.study.commit(CHAIN)
    rita = opened("rita")
    rita.page.get_by_role("link", name="heart", exact=True).click()
    rita.look("workspace")
    rita.page.get_by_role("link", name="Run jobs").click()
    rita.page.get_by_role("checkbox", name="figure").check()
    expect(rita.page.locator("#plan")).to_contain_text("3 actions run")
    rita.look("run")
    rita.press("Submit")
    expect(rita.page.get_by_role("heading", name="Job request")).to_be_visible()
    request = rita.page.locator("h1 .code").inner_text()
    for action in ("make", "model", "figure"):
        rig.report(request, action, "pending")
    rig.report(request, "make", "running")
    expect(rita.page.locator(".badge.running").first).to_be_visible()
    rita.look("request")
    rita.press("Cancel figure")
    expect(rita.main).to_contain_text("cancelling")
    rita.press("Cancel all")
    expect(rita.main).to_contain_text("Cancelling.")
    for action in ("make", "model", "figure"):
        rig.report(request, action, "failed", status_code="cancelled_by_user")
    expect(rita.page.locator(".state .badge")).to_have_text("cancelled")
    rita.look("request-cancelled")
    rita.page.locator("table").get_by_role("link", name="make").click()
    rita.look("job")
    rita.press("Run this action again")
    expect(rita.page.locator("h1 .code")).not_to_have_text(request)
    rita.open("/")
    rita.look("home")


def test_a_publication_is_asked_for_rejected_and_approved(rig: Rig, opened: Opened) -> None:
    rig.has_run()
    worlds.upload(rig, worlds.announce(rig))
    rita, paul = opened("rita"), opened("paul")
    propose(rita, "too early")
    paul.page.get_by_role("link", name="Publication").click()
    paul.look("publications")
    paul.page.get_by_role("link", name="Set 1").click()
    paul.look("proposal")
    paul.page.get_by_text("Reject", exact=True).first.click()
    paul.fill(Reason="Explain the second column.")
    paul.press("Reject")
    rita.open("/")
    rita.page.get_by_role("link", name=re.compile("Your set 1 .*was rejected")).click()
    expect(rita.main).to_contain_text("Explain the second column.")
    rita.look("proposal-rejected")
    rita.fill(Your_comment="It counts patients.")
    rita.press("Comment")
    expect(rita.main).to_contain_text("It counts patients.")
    number = second_set(rig)
    paul.open(f"/workspaces/heart/snapshots/{number}/")
    paul.press("Publish")
    expect(paul.page.locator(".state .badge")).to_have_text("published")
    reader = opened("")
    reader.page.get_by_role("link", name="Published").click()
    reader.look("published")
    reader.page.get_by_role("link", name="Heart study").click()
    reader.page.get_by_role("link", name=re.compile(r"\.csv")).first.click()
    expect(reader.page.get_by_role("columnheader", name="count")).to_be_visible()
    reader.look("published-file")


def propose(person: Person, note: str) -> None:
    """Propose every released file of the workspace."""
    person.open("/workspaces/heart/releases/")
    person.look("releases")
    person.page.get_by_role("checkbox").first.check()
    person.page.get_by_label("Note for the publication approver").fill(note)
    person.press("Propose the chosen files for publication")
    expect(person.main).to_contain_text("Set ")


def second_set(rig: Rig) -> int:
    """Release another file and propose it."""
    data = b"group,count\nyoung,15\n"
    release = worlds.announce(rig, "output/second.csv", data)
    file = worlds.upload(rig, release, "output/second.csv", data).headers["File-Id"]
    return rig.services.snapshots.create(rig.people["rita"], "heart", [file]).id


def test_an_administrator_ends_a_token(rig: Rig, opened: Opened) -> None:
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("script of rita"))
    ada = opened("ada")
    ada.page.get_by_role("link", name="Staff").click()
    ada.look("accounts")
    ada.page.get_by_role("link", name="rita").first.click()
    ada.press("Revoke script of rita")
    expect(ada.page.locator("#tokens")).to_contain_text("There are no access tokens.")
    with pytest.raises(Exception, match="unknown"):
        rig.services.access_tokens.owner(f"rita:{token}")


def test_a_command_is_let_in(rig: Rig, opened: Opened) -> None:
    begun = rig.services.device_logins.begin("sallyport on laptop", "192.0.2.7")
    rita = opened("rita")
    rita.open("/device/")
    rita.look("device")
    rita.fill(Code="BBBB-BBBB")
    rita.press("Go on")
    expect(rita.page.get_by_role("alert")).to_contain_text("No log-in waits")
    rita.fill(Code=begun.code)
    rita.press("Go on")
    expect(rita.main).to_contain_text("sallyport on laptop")
    rita.look("device-decide")
    rita.press("Allow")
    expect(rita.page.get_by_role("status").first).to_contain_text("logged in as you")
    rita.look("settings")
    fetched = rig.services.device_logins.fetch(begun.secret)
    assert fetched is not None
    assert fetched[0].username == "rita"


def test_everything_works_without_a_mouse(rig: Rig, opened: Opened) -> None:
    person = opened("")
    page = person.page

    def go(text: str) -> None:
        """Press Tab until what has the focus shows some words; its outline has to be seen."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if text in page.evaluate(FOCUSED):
                style = "getComputedStyle(document.activeElement)"
                outline = f"{style}.outlineStyle + {style}.outlineWidth"
                assert page.evaluate(outline) not in ("none0px", "none3px"), text
                return
        raise AssertionError(f"{text} is not reached on {page.url}")

    go('name="username"')
    page.keyboard.type("rita")
    go('name="password"')
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    go("heart")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="heart", exact=True)).to_be_visible()
    go("Run jobs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Run jobs")).to_be_visible()
    go("summarise")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="summarise")).to_be_checked()
    go("Submit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Job request")).to_be_visible()
    request = page.locator("h1 .code").inner_text()
    rig.report(request, "make", "running")
    go("Cancel all")
    page.keyboard.press("Enter")
    expect(person.main).to_contain_text("Cancelling.")
