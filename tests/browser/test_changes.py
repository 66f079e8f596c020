"""The Changes page and a group through time, on a running demo."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
DRAWN = 30_000
LINES = "#view[data-rows]:not([data-rows='0'])"


@pytest.fixture
def complaints() -> list[str]:
    """Errors of the console, uncaught exceptions and violations of the content policy."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    yield page
    context.close()


def group_of(page: Page, live_url: str) -> str:
    """The address of a group that reads."""
    page.goto(f"{live_url}/lag")
    page.wait_for_selector(LINES, timeout=DRAWN)
    return page.locator(".lrow .gt a").first.get_attribute("href") or ""


def test_changes_are_sentences_and_what_came_at_once_opens(page: Page, live_url: str, complaints: list[str]) -> None:
    page.goto(f"{live_url}/changes")
    page.wait_for_selector(LINES, timeout=DRAWN)
    page.locator(".tally.k-appeared").click()
    expect(page.locator(".ch-k:not(.k-appeared)")).to_have_count(0, timeout=DRAWN)
    # What came and went again folds as well, and says so: what is looked at is what came at once.
    page.locator(".chl.folds", has_text="together").first.locator(".chevb").first.click()
    expect(page.locator(".chitems li").first).to_contain_text(re.compile("appeared|began|was named|is derived|takes"))
    expect(page.locator(".chl.open .chevb").first).to_have_attribute("aria-expanded", "true")
    assert complaints == []


def test_a_filter_is_in_the_address_and_comes_back_with_it(page: Page, live_url: str) -> None:
    page.goto(f"{live_url}/changes")
    page.wait_for_selector(LINES, timeout=DRAWN)
    page.locator(".tally.k-appeared").click()
    expect(page.locator(".tally.k-appeared")).to_have_attribute("aria-pressed", "true", timeout=DRAWN)
    assert "kind=appeared" in page.url
    page.reload()
    page.wait_for_selector(LINES, timeout=DRAWN)
    expect(page.locator(".tally.k-appeared")).to_have_attribute("aria-pressed", "true", timeout=DRAWN)
    expect(page.locator(".ch-k:not(.k-appeared)")).to_have_count(0, timeout=DRAWN)


def test_a_moment_winds_the_page_there_and_the_list_stays(page: Page, live_url: str) -> None:
    page.goto(f"{live_url}/changes")
    page.wait_for_selector(LINES, timeout=DRAWN)
    # Both at once: a live list grows between one look and the next.
    shown, link = page.locator(".ch-t a").first.evaluate("a => [a.innerText, a.getAttribute('href')]")
    page.goto(live_url + link)
    page.wait_for_selector(LINES, timeout=DRAWN)
    assert "at=" in page.url
    assert "from=" in page.url
    # What was recorded between that list and its link stands above it.
    expect(page.locator(".ch-t a", has_text=shown.splitlines()[0]).first).to_be_visible()


def test_a_group_shows_its_partitions_and_members_through_time(
    page: Page, live_url: str, complaints: list[str]
) -> None:
    page.goto(live_url + group_of(page, live_url))
    page.wait_for_selector(".heatbox[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    canvas = page.locator(".heatplot canvas")
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".heattip.on")).to_contain_text(" p0 at ")
    page.get_by_text("As a table", exact=True).click()
    expect(page.get_by_role("table", name="Unread records by partition")).to_be_visible()
    page.wait_for_selector(".bands[data-members]", timeout=DRAWN)
    assert complaints == []


@pytest.mark.parametrize("width", [360, 412])
def test_neither_is_wider_than_a_phone(browser: Browser, live_url: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 740}, reduced_motion="reduce")
    page = context.new_page()
    address = group_of(page, live_url)
    for path, drawn in (("/changes", LINES), (address, ".heatbox[data-rows]")):
        page.goto(live_url + path)
        page.wait_for_selector(drawn, timeout=DRAWN)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_an_opened_row_of_lag_shows_its_partitions_through_time(page: Page, live_url: str) -> None:
    page.goto(f"{live_url}/lag")
    page.wait_for_selector(LINES, timeout=DRAWN)
    page.locator(".chevb").first.click()
    page.wait_for_selector(".ldetail .heatbox[data-rows]", timeout=DRAWN)
    expect(page.locator(".ldetail .heatplot canvas")).to_be_visible()
