"""Alerts on a running demo: a rule is tried and saved, fires, is shown on every page, acknowledged and silenced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
DRAWN = 30_000
FIRES = 200_000  # ms: the next whole minute, and another on a busy machine
NAME = "Anything is behind"
NOTED = """
    const Own = window.Notification;
    window.Notification = class extends Own {
      constructor(title, more) {
        super(title, more);
        const page = document.documentElement.dataset;
        page.noted = `${page.noted ?? ""}${title}: ${more.body}; `;
      }
    };
"""


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Errors of the console, uncaught exceptions and violations of the content policy."""
    return []


@pytest.fixture(scope="module")
def admin(browser: Browser, live_url: str, password: str, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["notifications"], origin=live_url)
    context.add_init_script(NOTED)
    page = context.new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto(f"{live_url}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)
    yield page
    context.close()


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#view[data-tab]", timeout=DRAWN)


def test_a_rule_is_tried_on_the_tape_and_saved(admin: Page, live_url: str) -> None:
    opened(admin, f"{live_url}/alerts?tab=rules")
    expect(admin.locator(".rulelist li").first).to_be_visible(timeout=60_000)
    admin.get_by_role("button", name="New rule").click()
    admin.get_by_label("Name of the rule").fill(NAME)
    admin.locator("[data-token=metric]").click()
    admin.get_by_role("menuitem", name=re.compile("^lag")).click()
    admin.locator("[data-token=value]").click()
    admin.get_by_label("Than").fill("0")
    admin.get_by_role("button", name="Set", exact=True).click()
    expect(admin.locator("[data-token=value]")).to_contain_text("above 0")
    admin.locator("[data-token=for]").click()
    admin.get_by_role("menuitem", name="at once").click()
    expect(admin.locator(".bth h3")).to_contain_text(re.compile("Would (not )?have fired"), timeout=DRAWN)
    expect(admin.locator(".btbox .tog").first).to_be_visible()
    notify = admin.get_by_role("switch", name="Notify me")
    notify.click()
    expect(notify).to_have_attribute("aria-checked", "true")
    admin.get_by_role("button", name="Save rule").click()
    expect(admin.locator(".alnote")).to_contain_text("is saved", timeout=DRAWN)
    expect(admin.locator(".rulelist li", has_text=NAME)).to_be_visible(timeout=DRAWN)


def test_it_fires_and_every_page_says_so(admin: Page, live_url: str) -> None:
    expect(admin.locator("html")).to_have_attribute("data-noted", re.compile(".: warning, firing; "), timeout=FIRES)
    opened(admin, f"{live_url}/alerts")
    expect(admin.locator("article.cause").first).to_be_visible(timeout=FIRES)
    expect(admin.locator("#causes")).to_be_visible()
    expect(admin.locator("article.cause .ca a").first).to_have_attribute("href", re.compile("at="))
    expect(admin.locator("#tape .marks .band").first).to_be_visible(timeout=60_000)
    admin.goto(f"{live_url}/lag")
    expect(admin.locator(".lrow .firingdot").first).to_be_visible(timeout=60_000)
    admin.locator(".lrow .firingdot").first.click()
    admin.wait_for_selector("#view[data-tab=now]", timeout=DRAWN)
    assert "alert=" in admin.url


def test_it_is_acknowledged_and_silenced(admin: Page, live_url: str, complaints: list[str]) -> None:
    opened(admin, f"{live_url}/alerts")
    acknowledge = admin.get_by_role("button", name=re.compile("^Acknowledge "))
    expect(acknowledge.first).to_be_visible(timeout=FIRES)
    acknowledge.first.click()
    expect(admin.locator(".seen").first).to_contain_text("acknowledged by admin", timeout=DRAWN)
    admin.get_by_role("button", name=re.compile("^Take back ")).first.click()
    expect(admin.locator(".seen").first).to_contain_text("admin took the acknowledgement back", timeout=DRAWN)
    admin.locator("section[aria-label=Silences]").get_by_role("button", name="New").click()
    form = admin.get_by_role("dialog", name="Silence")
    form.get_by_label("Why").fill("trying it out")
    form.get_by_role("textbox", name="Rule").fill(NAME)
    form.get_by_role("button", name="Silence", exact=True).click()
    expect(admin.locator(".sils li").first).to_contain_text("trying it out", timeout=DRAWN)
    expect(admin.locator(".seen", has_text="silenced until").first).to_be_visible(timeout=60_000)
    assert complaints == []


def test_a_silence_without_a_match_says_what_is_missing(admin: Page, live_url: str) -> None:
    opened(admin, f"{live_url}/alerts")
    admin.locator("section[aria-label=Silences]").get_by_role("button", name="New").click()
    form = admin.get_by_role("dialog", name="Silence")
    form.get_by_label("Why").fill("all of it")
    form.get_by_role("button", name="Silence", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text("Fill in at least one of Rule, Severity", timeout=DRAWN)
    admin.keyboard.press("Escape")
    expect(form).to_have_count(0)


def test_a_channel_is_made_and_its_test_says_why_it_did_not_arrive(admin: Page, live_url: str) -> None:
    opened(admin, f"{live_url}/alerts?tab=channels")
    admin.get_by_role("button", name="New channel").click()
    form = admin.get_by_role("dialog", name="New channel")
    form.locator("[name=name]").fill("nowhere")
    form.locator("[name='set.url']").fill("https://127.0.0.1/hook")
    form.get_by_role("button", name="Make it").click()
    expect(admin.locator(".alnote")).to_contain_text("shown this once: whsec_", timeout=DRAWN)
    admin.get_by_role("button", name="Test nowhere").click()
    expect(admin.locator(".alnote.bad")).to_contain_text("did not arrive", timeout=DRAWN)
    expect(admin.locator("[data-channel=nowhere] .dls li").first).to_contain_text("test", timeout=DRAWN)
    opened(admin, f"{live_url}/alerts?tab=rules&rule=new")
    admin.get_by_role("button", name="Test on a channel").click()
    admin.get_by_role("menuitem", name="nowhere").click()
    expect(admin.locator(".alnote.bad")).to_contain_text("The trial did not arrive at nowhere", timeout=DRAWN)


def test_the_past_shows_what_fired_then_and_offers_nothing_to_do(admin: Page, live_url: str) -> None:
    opened(admin, f"{live_url}/alerts")
    expect(admin.locator("article.cause").first).to_be_visible(timeout=FIRES)
    opened(admin, f"{live_url}/alerts?at={datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
    expect(admin.locator("article.cause").first).to_be_visible(timeout=DRAWN)
    expect(admin.get_by_role("button", name=re.compile("^Acknowledge "))).to_have_count(0)


@pytest.mark.parametrize("tab", ["now", "history", "rules", "channels"])
def test_no_tab_is_wider_than_a_phone(browser: Browser, live_url: str, tab: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page = context.new_page()
    opened(page, f"{live_url}/alerts?tab={tab}")
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_who_has_no_script_reads_a_table(browser: Browser, live_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_url}/alerts")
    expect(page.get_by_role("columnheader", name="Severity")).to_be_visible()
    expect(page.get_by_role("cell", name="firing").first).to_be_visible()
    context.close()
