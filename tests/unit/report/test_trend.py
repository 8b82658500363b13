"""A trend in the terminal and as a page, from its record alone."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from harness.core.codec import from_json, to_json
from harness.core.trends import (
    ChangePoint,
    Difference,
    Move,
    RunFacts,
    Series,
    Since,
    Trend,
    Turn,
    VariantTrend,
)
from harness.report.charts.series import series_chart
from harness.report.text import columns
from harness.report.trend import render_trend_html
from harness.report.trend_terminal import render_trend, sparkline

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\n::error::"
N = 30


@pytest.fixture
def trend():
    runs = tuple(
        RunFacts(i + 1, f"2026-03-{i + 1:02}T02:00:00+00:00", "passed")
        for i in range(N)
    )
    accuracy = Series(
        "accuracy",
        "linear",
        tuple(None if i == 4 else 0.967 if i < 20 else 0.921 for i in range(N)),
        0.0,
        (ChangePoint(20, 0.967, 0.921, better=False),),
    )
    error = Series("max_error", "log", (0.0, *(4.2e-7,) * (N - 1)), 0.0)
    turn = Turn(
        20,
        (
            Difference("model", "a" * 64, "b" * 64),
            Difference("CPU flags", "avx512f", "amx_int8"),
            Difference("package openvino", None, "2026.4"),
        ),
    )
    variant = VariantTrend("int8", "quantized", (accuracy, error), (turn,), turn)
    move = Move("int8", "accuracy", 0.967, 0.921, better=False)
    since = Since("accepted", replace(runs[9], accepted="2026-04-01"), (move,))
    return Trend("digits", runs, (variant,), (since,), ("Something to know.",))


@pytest.fixture
def hostile(trend):
    (variant,) = trend.variants
    difference = Difference(HOSTILE, HOSTILE, HOSTILE)
    named = replace(
        variant,
        name=HOSTILE,
        turns=(replace(variant.turns[0], differences=(difference,)),),
        series=(*variant.series, replace(variant.series[0], metric=HOSTILE)),
    )
    twin = replace(named, name=f"{HOSTILE} ", first_bad=None)
    return replace(trend, suite=HOSTILE, variants=(named, twin), notices=(HOSTILE,))


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        assert not [name for name in found if name.startswith("on")]


def parsed(page):
    reader = _Page()
    reader.feed(page)
    return reader


def test_the_record_goes_to_json_and_back(trend):
    assert from_json(Trend, json.loads(json.dumps(to_json(trend)))) == trend


def test_the_terminal_tells_what_changed_and_with_what(trend):
    text = render_trend(trend)
    assert "int8  quantized  FAILED since run 21 (2026-03-21), 10 runs" in text
    assert "run 21 (2026-03-21): accuracy 96.7 % -> 92.1 % (worse)" in text
    assert f"model {'a' * 12} -> {'b' * 12}" in text
    assert "CPU flags -avx512f +amx_int8" in text
    assert "package openvino unknown -> 2026.4" in text
    assert "Newest run against the accepted run, run 10 (2026-03-10):" in text
    marks = next(line for line in text.splitlines() if "changes" in line)
    bars = next(line for line in text.splitlines() if "accuracy  " in line)
    assert marks.index("^") == bars.index("\u2581")


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("width", [72, 80, 120])
def test_the_terminal_keeps_its_width_and_its_letters(trend, hostile, plain, width):
    for each in (trend, hostile):
        text = render_trend(each, plain=plain, width=width)
        assert max(map(columns, text.splitlines())) <= width
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert not plain or render_trend(trend, plain=True).isascii()


def test_a_sparkline_has_gaps_a_middle_and_shared_cells():
    drawn = sparkline([0.0, None, 7.0], log=False, plain=True, cells=10)
    assert drawn == "_ #"
    assert sparkline([2.0, 2.0], log=False, plain=True, cells=10) == "=="
    assert sparkline([1.0] * 50 + [2.0] * 50, log=False, plain=True, cells=4) == "__##"
    assert sparkline([1e-6, 1e-3, 1.0], log=True, plain=True, cells=3) == "_=#"


def test_the_page_needs_nothing_and_runs_nothing(trend, hostile):
    for each in (trend, hostile):
        page = render_trend_html(each)
        reader = parsed(page)
        assert not {"script", "iframe", "img", "object"} & set(reader.tags)
        assert all(link.startswith(("#", "data:,")) for link in reader.links)
        assert len(set(reader.ids)) == len(reader.ids)
        anchors = {link[1:] for link in reader.links if link.startswith("#")}
        assert anchors <= set(reader.ids)
        assert "default-src 'none'; style-src 'sha256-" in unescape(page)
        assert render_trend_html(each) == page


def test_the_page_tells_the_first_bad_run_and_what_changed_then(trend):
    page = render_trend_html(trend)
    assert "First bad run: <b>run 21 (2026-03-21)</b>" in page
    assert "CPU flags -avx512f +amx_int8" in page
    assert "accuracy 96.7 % -&gt; 92.1 % (worse)" in page


def test_a_chart_marks_each_change_and_tells_each_run(trend):
    series = trend.variants[0].series[0]
    root = ET.fromstring(series_chart(trend, series))
    titles = [node.text for node in root.iter("title")]
    assert len(titles) == N - 1  # one run was not measured
    assert titles[0] == "run 1 (2026-03-01): 96.7 %"
    kinds = [node.get("class") for node in root.iter("path")]
    assert kinds.count("change worse") == 1
    assert kinds.count("trace") == 2  # the line breaks where a run is missing


def test_a_trend_of_one_run_is_drawn(trend):
    (variant,) = trend.variants
    series = tuple(replace(s, values=s.values[:1], changes=()) for s in variant.series)
    alone = replace(variant, series=series, turns=(), first_bad=None)
    short = replace(trend, runs=trend.runs[:1], variants=(alone,), since=())
    assert "1 run, 2026-03-01 to 2026-03-01" in render_trend(short)
    assert "no number changed its level" in render_trend_html(short)
