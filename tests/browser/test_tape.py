"""Winding the tape in a real browser: pointer, keys, touch, the address, and two pages at two times."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DRAWN = 30_000
PATIENT = 20_000
REFUSED = ".strip.v-stalled:not(.health)"  # what the page says of itself; the health of a busy broker is told as well


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def opened(page: Page, url: str) -> Page:
    page.goto(url)
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)
    expect(page.locator("#live span")).to_have_text("Live", timeout=PATIENT)
    return page


def wound(page: Page, live_url: str, path: str) -> Page:
    """A page that stands still a few seconds before the newest moment."""
    opened(page, f"{live_url}{path}")
    page.keyboard.press(" ")
    # The server has said where it stands: the clock shows that moment, not the last live one.
    expect(page).to_have_url(re.compile("at="), timeout=PATIENT)
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    return page


def moment(page: Page) -> str:
    """The moment in the page's address, as it is written there."""
    found = re.search("at=([^&]+)", page.url)
    assert found
    return found[1]


def test_a_click_on_the_tape_winds_the_page_back_and_the_address_keeps_the_moment(page: Page, live_url: str) -> None:
    opened(page, f"{live_url}/lag")
    box = page.locator("#tape .line").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 40, box["y"] + box["height"] / 2)
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    expect(page).to_have_url(re.compile("at="), timeout=PATIENT)
    shown = page.locator("#clock").inner_text()
    page.reload()
    expect(page.locator("#clock")).to_have_text(shown, timeout=PATIENT)
    expect(page.locator(".notlive .when")).to_contain_text(shown)


def test_keys_pause_step_and_go_live(page: Page, live_url: str) -> None:
    wound(page, live_url, "/map")
    # Two frames may stand within one second of the clock: the address has the whole moment.
    at = moment(page)
    page.keyboard.press("ArrowLeft")
    expect(page).not_to_have_url(re.compile(re.escape(at)), timeout=PATIENT)
    assert moment(page) < at
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(re.escape(at)), timeout=PATIENT)
    page.keyboard.press("l")
    expect(page.locator(".notlive")).to_have_count(0, timeout=PATIENT)
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true", timeout=PATIENT)
    expect(page).not_to_have_url(re.compile("at="), timeout=PATIENT)


def test_a_link_leads_to_the_same_moment_on_another_page(page: Page, live_url: str) -> None:
    wound(page, live_url, "/lag")
    shown = page.locator("#clock").inner_text()
    page.locator("#rail a[href^='/topics']").click()
    page.wait_for_selector("#view[data-view='topics'][data-tick]", timeout=DRAWN)
    expect(page.locator("#clock")).to_have_text(shown, timeout=PATIENT)


def test_one_page_plays_while_another_is_live_and_both_end_with_the_same_picture(
    browser: Browser, live_url: str
) -> None:
    contexts = [browser.new_context(viewport={"width": 1440, "height": 900}) for _ in range(2)]
    live, playing = (context.new_page() for context in contexts)
    opened(live, f"{live_url}/lag")
    wound(playing, live_url, "/lag")
    for _ in range(3):
        playing.keyboard.press("ArrowLeft")
    playing.keyboard.press(" ")
    expect(playing.locator(".notlive")).to_have_count(0, timeout=PATIENT)
    assert live.locator(".notlive").count() == 0
    rows = live.locator("#view").get_attribute("data-rows")
    expect(playing.locator("#view")).to_have_attribute("data-rows", str(rows), timeout=PATIENT)
    for context in contexts:
        context.close()


def test_a_range_dragged_with_shift_is_in_the_address(page: Page, live_url: str) -> None:
    opened(page, f"{live_url}/changes")
    box = page.locator("#tape .line").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page).to_have_url(re.compile("from=.*to="), timeout=PATIENT)
    expect(page.locator("#tape .range")).to_be_visible()


def test_a_finger_winds_back_too(browser: Browser, live_url: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = opened(context.new_page(), f"{live_url}/lag")
    box = page.locator("#tape .line").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] - 30, box["y"] + box["height"] / 2)
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    context.close()


def test_a_line_of_changes_winds_in_place_and_back_leads_to_live(page: Page, live_url: str) -> None:
    opened(page, f"{live_url}/changes")
    page.wait_for_selector("#view[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    page.evaluate("window.loadedOnce = true")
    link = page.locator(".ch-t a").first
    link.click()
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    expect(page).to_have_url(re.compile("from=.*to=.*at="), timeout=PATIENT)
    expect(page.locator("#tape .range")).to_be_visible()
    expect(page.locator(".chl.here")).to_have_count(1)
    assert page.evaluate("window.loadedOnce") is True
    page.go_back()
    expect(page.locator(".notlive")).to_have_count(0, timeout=PATIENT)
    assert page.evaluate("window.loadedOnce") is True
    assert "from=" not in page.url


def test_a_cell_of_the_heat_map_winds_in_place_and_the_link_shows_the_same(page: Page, live_url: str) -> None:
    opened(page, f"{live_url}/lag")
    page.goto(live_url + (page.locator(".lrow .gt a").first.get_attribute("href") or ""))
    page.wait_for_selector(".heatbox[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    page.evaluate("window.loadedOnce = true")
    canvas = page.locator(".heatplot canvas")
    canvas.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    expect(page).to_have_url(re.compile("at="), timeout=PATIENT)
    assert page.evaluate("window.loadedOnce") is True
    shown, stretch = page.locator("#clock").inner_text(), page.locator(".heatbox figcaption small").inner_text()
    page.reload()
    expect(page.locator("#clock")).to_have_text(shown, timeout=PATIENT)
    expect(page.locator(".heatbox figcaption small")).to_have_text(stretch, timeout=PATIENT)


def test_changes_follow_the_switch_of_what_is_known_now(page: Page, live_url: str) -> None:
    wound(page, live_url, "/changes")
    switch = page.locator(".notlive .hind")
    expect(switch).to_have_text("As known then")
    switch.click()
    expect(switch).to_have_text("As known now", timeout=PATIENT)
    expect(page).to_have_url(re.compile("hindsight=1"), timeout=PATIENT)
    page.wait_for_selector("#view[data-rows]:not([data-rows='0'])", timeout=DRAWN)
    expect(page.locator(REFUSED)).to_have_text([])


def test_before_the_tape_the_page_says_where_it_begins_and_leads_there(page: Page, live_url: str) -> None:
    page.goto(f"{live_url}/lag?at=2020-01-01T00:00:00Z")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The tape begins on")
    page.get_by_role("link", name="Go to where it begins").click()
    page.wait_for_selector("#view[data-tick]", timeout=DRAWN)
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    assert not moment(page).startswith("2020")


def test_a_page_that_is_led_before_the_tape_has_the_button_too(page: Page, live_url: str) -> None:
    opened(page, f"{live_url}/lag")
    page.evaluate("history.pushState(null, '', '/lag?at=2020-01-01T00:00:00Z')")
    page.evaluate("history.pushState(null, '', '/lag')")
    page.go_back()
    button = page.get_by_role("button", name="Go to where it begins")
    button.click(timeout=PATIENT)
    expect(button).to_have_count(0, timeout=PATIENT)
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    expect(page).not_to_have_url(re.compile("2020"), timeout=PATIENT)


def test_from_its_very_beginning_the_tape_plays(page: Page, live_url: str) -> None:
    wound(page, live_url, "/lag")
    view = page.locator("#view")
    shown = view.get_attribute("data-moment") or ""
    page.locator("#ph").focus()
    page.keyboard.press("Home")
    expect(view).not_to_have_attribute("data-moment", shown, timeout=PATIENT)
    begin = shown = view.get_attribute("data-moment") or ""
    page.locator("#play").click()
    expect(page.locator(".notlive .ago")).to_have_text("playing at 60×", timeout=PATIENT)
    for _ in range(4):
        expect(view).not_to_have_attribute("data-moment", shown, timeout=PATIENT)
        before, shown = shown, view.get_attribute("data-moment") or ""
        assert begin <= before < shown
    expect(page.locator(REFUSED)).to_have_text([])


def test_the_records_follow_the_playhead(page: Page, live_url: str, password: str) -> None:
    page.goto(f"{live_url}/login?next=/topics/topic:demo/orders")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    replay = page.locator(".replay")
    expect(replay).to_have_attribute("data-records", re.compile("[1-9]"), timeout=DRAWN)
    expect(page.locator(".recs .next")).to_have_count(0)  # live: all of them were written
    page.locator("body").press(" ")
    expect(page.locator(".notlive")).to_be_visible(timeout=PATIENT)
    head = page.locator(".recs li.head .num")
    expect(head).to_be_visible(timeout=PATIENT)
    stands = page.locator("#clock").inner_text()
    expect(head).to_contain_text(stands[:7], timeout=PATIENT)
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#clock")).not_to_have_text(stands, timeout=PATIENT)
    expect(page.locator(".recs .next").first).to_be_attached(timeout=PATIENT)
    page.keyboard.press("l")
    expect(page.locator(".notlive")).to_have_count(0, timeout=PATIENT)
    expect(page.locator(".recs .next")).to_have_count(0, timeout=PATIENT)
