"""Paper, no script, large print, little room, and no motion."""

import re

import pytest
from looked_at import NAMES
from reading import unfold

SHUT = """() => [...document.querySelectorAll("details")].filter((fold) =>
  !fold.open || ![...fold.children].every((part) => part.checkVisibility()
    || part.hidden || getComputedStyle(part).display === "none")).length"""
MOVING = """() => [...document.querySelectorAll("*")].filter((element) =>
  ["", "::before", "::after"].some((part) => {
    const style = getComputedStyle(element, part || null);
    return [style.transitionDuration, style.animationDuration]
      .some((times) => times.split(", ").some((time) => parseFloat(time) > 0));
  })).length"""
# What can be scrolled sideways must be reached by the keyboard.
STUCK = """() => [...document.querySelectorAll("*")].filter((element) =>
  element.scrollWidth > element.clientWidth + 1
  && ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
  && element.tabIndex < 0
  && !element.querySelector("a, button, input, select, summary, [tabindex='0']"))
  .map((element) => element.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_folded_shut_on_paper(look, name):
    page = look(name)
    folded = page.locator("details:not([open])").count()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(SHUT) == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


def test_paper_holds_the_evidence(look):
    page = look("failing")
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 15


def test_a_thousand_rows_do_not_fill_a_book(look):
    printed = look("huge").pdf(format="A4")
    assert 20 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 150


@pytest.mark.parametrize("name", NAMES)
def test_reading_needs_no_script(look, name):
    page = look(name, java_script_enabled=False)
    assert page.locator("h1").is_visible()
    assert page.locator("#matrix tbody tr").count() >= 7
    assert page.locator("button:visible, input:visible").count() == 0
    fold = page.locator("details:has(table)").first
    if fold.get_attribute("open") is None:
        fold.locator("summary").first.click()
    assert fold.locator("table").first.is_visible()
    assert page.complaints == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [320, 640, 1280])
def test_the_page_never_scrolls_sideways(look, name, width):
    """320 pixels is a page of 1280 at 400 %; 640 the same at 200 %."""
    page = look(name, viewport={"width": width, "height": 800})
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STUCK) == []


@pytest.mark.parametrize("name", ["failing", "huge"])
def test_who_wants_no_motion_gets_none(look, name):
    page = look(name, reduced_motion="reduce")
    assert page.evaluate(MOVING) == 0
    assert (
        page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
        == "auto"
    )
