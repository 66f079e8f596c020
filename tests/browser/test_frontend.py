"""The pages of a running demo in a real browser. Pages forbid eval: these tests wait for attributes, not functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

PAGES = ("map", "lag", "topics", "services", "teams", "collectors")
DRAWN = 20_000


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


def drawn(page: Page, url: str) -> None:
    """Opens a page and waits for the first frame on it."""
    page.goto(url)
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)


def test_the_map_draws_nodes_and_edges(page: Page, live_url: str, complaints: list[str]) -> None:
    page.goto(f"{live_url}/map")
    page.wait_for_selector("#view[data-nodes]:not([data-nodes='0'])", timeout=DRAWN)
    ink: Any = page.evaluate(
        "[...document.querySelectorAll('.pic canvas')].map(c => c.getContext('2d'))"
        ".some(g => g.getImageData(0, 0, g.canvas.width, g.canvas.height).data.some(v => v))"
    )
    assert ink
    assert complaints == []


def test_the_tree_and_the_table_say_the_same_as_the_map(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/map")
    nodes = int(page.get_attribute("#view", "data-nodes") or 0)
    page.get_by_role("button", name="Tree").click()
    expect(page.locator(".tree li[aria-expanded], .tree .kindgroup > ul > li")).to_have_count(nodes)
    page.get_by_role("button", name="Table", exact=True).click()
    expect(page.get_by_role("table", name="Every edge of the map")).to_be_visible()


def test_rows_of_lag_appear_and_one_opens(page: Page, live_url: str, complaints: list[str]) -> None:
    page.goto(f"{live_url}/lag")
    page.wait_for_selector("#view[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    page.locator(".chevb").first.click()
    expect(page.locator(".ldetail .pt2 tbody tr").first).to_be_visible()
    assert complaints == []


def test_ctrl_k_finds_a_topic_and_opens_its_page(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/topics")
    name = page.locator(".g-topics a.nm").first.inner_text()
    page.keyboard.press("Control+k")
    page.keyboard.type(name)
    expect(page.locator(".palette [role=option]").first).to_contain_text(name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_without_a_complaint(page: Page, live_url: str, name: str, complaints: list[str]) -> None:
    drawn(page, f"{live_url}/{name}")
    expect(page.locator("#live")).to_have_text("Live")
    assert complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(browser: Browser, live_url: str, name: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page = context.new_page()
    drawn(page, f"{live_url}/{name}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_without_script_a_page_is_a_table(browser: Browser, live_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_url}/topics")
    expect(page.locator("main table tbody tr").first).to_be_visible()
    context.close()


def test_the_theme_is_kept(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/lag")
    page.locator("#theme").click()
    chosen = page.get_attribute("html", "data-theme")
    page.reload()
    assert chosen in {"dark", "light"}
    assert page.get_attribute("html", "data-theme") == chosen
