"""Finding one's way: links, folds and sorting, by mouse and by keyboard alone."""

import pytest
from looked_at import NAMES
from reading import press

SEEN = """(id) => {
  const box = document.getElementById(id).getBoundingClientRect();
  return box.width > 0 && box.top < innerHeight && box.bottom > 0;
}"""
FOCUS = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    place: [...document.querySelectorAll("*")].indexOf(at),
    name: at.getAttribute("aria-label") ?? at.textContent.trim(),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.width > 0,
    tag: at.tagName,
  };
}"""
# Links that lead somewhere else each; all others name one of these places too.
LINKS = """() => [...new Set([...document.querySelectorAll("a[href^='#']")]
  .map((a) => decodeURIComponent(a.hash.slice(1))))]"""


def tabbed(page, times):
    """What has the focus after each press of Tab."""
    found = []
    for _ in range(times):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUS))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_tab_goes_down_the_page_and_is_seen(look, name):
    page = look(name)
    stops = tabbed(page, 40)
    assert stops[0]["name"] == "Skip to the verdict"
    places = [stop["place"] for stop in stops]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    for stop in stops:
        assert stop["name"], stop
        assert stop["ring"], stop
        assert stop["seen"], stop


@pytest.mark.parametrize("name", NAMES)
def test_the_skip_link_leaves_the_outline_behind(look, name):
    page = look(name)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "document.querySelector('main').contains(document.activeElement)"
    assert page.evaluate(inside)


@pytest.mark.parametrize("name", ["failing", "hostile"])
def test_every_link_leads_to_what_can_be_seen(look, name):
    page = look(name)
    places = page.evaluate(LINKS)
    assert len(places) > 6
    for place in places:
        page.evaluate("(id) => { location.hash = encodeURIComponent(id); }", place)
        page.wait_for_function(SEEN, arg=place, timeout=2000)


def test_a_link_to_a_finding_opens_it(look):
    page = look("failing")
    findings = page.locator("article.finding[id]").evaluate_all(
        "all => all.map((e) => e.id)"
    )
    assert len(findings) >= 6
    page = look("failing", f"#{findings[-1]}")
    page.wait_for_function(SEEN, arg=findings[-1], timeout=2000)


def test_each_finding_can_be_linked_to(look):
    page = look("failing")
    for finding in page.locator("article.finding[id]").all():
        place = f"#{finding.get_attribute('id')}"
        assert finding.locator(f"a[href='{place}']").count() == 1


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_a_cell_of_the_matrix_leads_to_its_evidence(look, how):
    page = look("failing")
    cell = page.locator("#matrix td.failed a").first
    press(cell, how)
    place = cell.get_attribute("href")[1:]
    page.wait_for_function(SEEN, arg=place, timeout=2000)
    page.keyboard.press("Tab")
    follows = """(id) => document.getElementById(id)
      .compareDocumentPosition(document.activeElement) & (4 | 16)"""
    assert page.evaluate(follows, place)


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_the_outline_leads_to_each_variant(look, how):
    page = look("huge")
    outline = page.get_by_role("navigation", name="Outline")
    link = outline.get_by_role("link", name="stale")
    press(link, how)
    page.wait_for_function(SEEN, arg=link.get_attribute("href")[1:], timeout=2000)


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_evidence_folds_and_unfolds(look, how):
    page = look("passing")
    fold = page.locator("details.evidence:not([open])").first
    body = fold.locator(":scope > :not(summary)").first
    fold = page.locator(f"#{fold.get_attribute('id')}")
    press(fold.locator("summary").first, how)
    assert fold.get_attribute("open") is not None
    assert body.is_visible() or fold.locator("table").first.is_visible()
    press(fold.locator("summary").first, how)
    assert fold.get_attribute("open") is None
