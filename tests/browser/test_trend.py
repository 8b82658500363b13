"""The page of a trend in a real browser."""

import numpy as np
import pytest

from harness.core.trends import (
    ChangePoint,
    Difference,
    RunFacts,
    Series,
    Trend,
    Turn,
    VariantTrend,
)
from harness.report.trend import render_trend_html

N = 60


@pytest.fixture
def trend():
    rng = np.random.default_rng(0)
    runs = tuple(
        RunFacts(i, f"2026-03-{i % 28 + 1:02}", "failed") for i in range(1, N + 1)
    )
    values = tuple((0.967, 0.921)[i >= 20] for i in range(N))
    times = tuple(2e-4 * np.exp(rng.normal(0, 0.03, N)))
    turn = Turn(20, (Difference("model", "a" * 64, "b" * 64),))
    change = ChangePoint(20, 0.967, 0.921, better=False)
    series = (
        Series("accuracy", "linear", values, 0.0, (change,)),
        Series("seconds", "log", times, 0.02),
    )
    names = ("int8", "<img src=x onerror=alert(1)>")
    return Trend(
        "digits",
        runs,
        tuple(VariantTrend(n, "quantized", series, (turn,), turn) for n in names),
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_asks_for_nothing_and_fits(chromium, trend, tmp_path, width, scheme):
    path = tmp_path / "trend.html"
    path.write_text(render_trend_html(trend), encoding="utf-8")
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page = context.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert (complaints, requests) == ([], [path.as_uri()])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.series .change.worse").count() == 2
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open] tbody tr").count() == N
    context.close()
