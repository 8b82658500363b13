"""WCAG 2.2 AA as far as a machine can tell, by axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from looked_at import NAMES
from reading import unfold

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
ALL = {"type": "tag", "values": TAGS}
# Nothing but colours is other in the dark.
COLOURS = {"type": "rule", "values": ["color-contrast"]}
# Of twelve candidates alike, these are enough to look at the colours of.
SOME = "details:is(#v-int3 *, #v-stale *, #conditions *)"


def violations(page, tags, **options):
    """Rule, what it asks, and the first places where it is broken."""
    # Style sheets are not fetched again: they are in the page, which allows no request.
    options |= {"runOnly": tags, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [
        (v["id"], v["help"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found
    ]


def test_nothing_stands_in_a_readers_way(look):
    assert violations(look("failing"), ALL) == []


@pytest.mark.parametrize("name", NAMES)
def test_nor_where_everything_is_unfolded(look, name):
    page = look(name)
    unfold(page)
    but_colours = {"color-contrast": {"enabled": False}}
    assert violations(page, ALL, rules=but_colours) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_colours_are_apart(look, name, scheme):
    page = look(name, color_scheme=scheme)
    folds = page.locator(SOME if name == "huge" else "details")
    folds.evaluate_all("all => all.forEach((fold) => { fold.open = true; })")
    assert page.locator("details[open]").count() > 5
    assert violations(page, COLOURS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nor_in_the_viewer_of_samples(look, scheme):
    page = look("failing", color_scheme=scheme)
    unfold(page)
    page.get_by_role("grid").last.locator("td[tabindex='0']").press("Enter")
    assert page.get_by_role("dialog").is_visible()
    assert violations(page, ALL) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nor_in_a_trend(visit, trend_page, scheme):
    page = visit(trend_page, color_scheme=scheme)
    unfold(page)
    assert violations(page, ALL) == []
