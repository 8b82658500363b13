"""The page of a trend in a real browser."""

import pytest
from trends import N


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_asks_for_nothing_and_fits(visit, trend_page, width, scheme):
    viewport = {"width": width, "height": 900}
    page = visit(trend_page, viewport=viewport, color_scheme=scheme)
    assert (page.complaints, page.requests) == ([], [page.url])
    assert page.evaluate("window.__violations") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.series .change.worse").count() == 2
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open] tbody tr").count() == N
