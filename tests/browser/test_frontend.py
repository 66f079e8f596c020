"""The pages of a running demo in a real browser. Pages forbid eval: these tests wait for attributes, not functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from demo import truth

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


@pytest.mark.parametrize("size", [(390, 844), (360, 740)])
def test_on_a_phone_the_map_opens_on_a_legible_part_that_is_full(
    browser: Browser, live_url: str, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page = context.new_page()
    view = page.locator("#view")
    page.goto(f"{live_url}/map")
    page.wait_for_selector("#view[data-sight]", timeout=DRAWN)
    nodes = int(view.get_attribute("data-nodes") or 0)
    for turned, least in ((False, nodes // 4), (True, nodes // 6), (False, nodes // 4)):
        page.set_viewport_size({"width": size[turned], "height": size[not turned]})
        expect(page.locator(".sight")).to_be_visible()
        page.wait_for_timeout(300)
        assert float(view.get_attribute("data-zoom") or 0) >= 0.5
        assert int(view.get_attribute("data-sight") or 0) >= least
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".sight")).to_be_hidden()
    context.close()


def test_a_question_mark_lists_the_keys_and_gives_focus_back(page: Page, live_url: str, complaints: list[str]) -> None:
    drawn(page, f"{live_url}/map")
    page.locator("#play").focus()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for each in ("?", "Space", "\u2190", "\u2192", "Shift \u2190", "Shift \u2192", "L", "Ctrl K", "\u2318 K", "Esc"):
        expect(keys.locator("kbd").get_by_text(each, exact=True).first).to_be_visible()
    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('dialog.keys').contains(document.activeElement)")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("?")
    expect(keys).to_have_count(1)
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "play"
    page.keyboard.press("Control+k")
    page.keyboard.type("?")
    expect(keys).to_have_count(0)
    assert complaints == []


def test_the_keys_that_are_listed_are_listened_to(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/map")
    live = page.locator("#live")
    page.keyboard.press("ArrowLeft")
    expect(live).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("l")
    expect(live).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+ArrowLeft")
    expect(live).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Space")
    expect(page.locator("#play .sr")).to_have_text("Pause")
    page.locator("#ph").focus()
    page.keyboard.press("End")
    expect(live).to_have_attribute("aria-pressed", "true")
    page.locator(".ground").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("aside.side h2, aside h2").first).to_be_visible()
    expect(live).to_have_attribute("aria-pressed", "true")


def test_the_account_menu_leads_to_the_keys(page: Page, live_url: str, password: str) -> None:
    page.goto(f"{live_url}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)
    page.locator("#me").click()
    page.get_by_role("menuitem", name="Keys").click()
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "me"


def test_the_map_and_the_services_page_count_alike(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/services")
    expect(page.locator(".title p.num").first).to_have_text(
        f"{len(truth.SERVICES)} services and 2 groups without a service", timeout=DRAWN
    )
    drawn(page, f"{live_url}/map")
    expect(page.locator(".crumbs small")).to_contain_text(f"{len(truth.SERVICES)} services \u00b7 2 groups")


def test_drift_shows_what_the_demo_declares_wrongly_and_nothing_else(page: Page, live_url: str) -> None:
    drawn(page, f"{live_url}/drift")
    page.wait_for_selector("#view[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    wrong = page.locator(".g-drift [role=row]:has-text('never seen'), .g-drift [role=row]:has-text('not declared')")
    expect(wrong).to_have_count(2, timeout=DRAWN)
    wanted = truth.DECLARED_NEVER_SEEN | truth.SEEN_NOT_DECLARED
    for service, _, topic in wanted:
        row = wrong.filter(has_text=service).filter(has_text=topic)
        expect(row).to_have_count(1)


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
