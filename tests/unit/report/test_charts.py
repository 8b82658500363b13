import re
import xml.etree.ElementTree as ET

import pytest

from harness.core.results import Histogram
from harness.report.charts.errors import error_histogram
from harness.report.charts.recall import (
    RecallScale,
    dumbbell,
    recall_axis,
    share_bar,
)
from harness.report.charts.svg import Canvas
from harness.report.charts.weights import weight_histograms


def rows_of(report, name):
    return report.variant(name).labels.per_class


def drawn(svg, kind):
    return [e for e in ET.fromstring(svg).iter() if kind in e.get("class", "").split()]


def test_a_dumbbell_runs_from_before_to_after(make):
    rows = rows_of(make("failing"), "onnx-pads")
    svg = dumbbell(rows[0], RecallScale.over(rows))
    (before,), (after,) = drawn(svg, "before"), drawn(svg, "after")
    assert float(after.get("cx")) < float(before.get("cx"))
    assert after.get("class") == "after worse"


def test_a_class_that_keeps_its_recall_is_neither_better_nor_worse(make):
    rows = rows_of(make("passing"), "onnx")
    svg = dumbbell(rows[0], RecallScale.over(rows))
    assert drawn(svg, "same")
    assert not drawn(svg, "worse")


def test_the_scale_holds_every_recall_and_interval(make):
    rows = rows_of(make("undecided"), "onnx-int8")
    scale = RecallScale.over(rows)
    assert scale.low == pytest.approx(0.3)
    for row in rows:
        for recall in (row.recall, row.recall_reference, *row.recall_interval):
            assert 6 <= scale(recall) <= 162
    assert "30 %" in recall_axis(scale)


def test_bars_count_what_lies_in_each_decade(make):
    (output,) = make("failing").variant("onnx-pads").outputs
    svg = error_histogram(output)
    titles = [e.text for e in ET.fromstring(svg).iter("title")]
    counted = sum(int(re.sub(r".*:|\D", "", title)) for title in titles)
    assert counted == sum(output.error_histogram.counts)


def test_the_tolerance_is_marked_and_what_lies_beyond_it_coloured(make):
    (output,) = make("failing").variant("onnx-pads").outputs
    svg = error_histogram(output)
    (limit,) = drawn(svg, "limit")
    mark = float(re.match(r"M([\d.]+)", limit.get("d")).group(1))
    worse = [float(bar.get("x")) for bar in drawn(svg, "worse")]
    kept = [float(b.get("x")) for b in drawn(svg, "bar") if b.get("class") == "bar"]
    assert worse
    assert max(kept) < mark <= min(worse) + 1
    assert "atol 1.0e-04" in svg


def test_a_tolerance_far_from_all_errors_is_shown_while_it_can_be(make):
    (near,) = make("passing").variant("onnx").outputs
    assert drawn(error_histogram(near), "limit")


def test_no_errors_at_all_are_one_bar(make):
    (output,) = make("passing").variant("onnx").outputs
    zero = Histogram((0.0, 1e-12), (3600,))
    svg = error_histogram(type(output)(**{**fields(output), "error_histogram": zero}))
    assert len(drawn(svg, "bar")) == 1


def fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_equal_distributions_coincide_whatever_their_bins():
    fine = Histogram((0.0, 0.5, 1.0, 1.5, 2.0), (2, 2, 4, 4))
    coarse = Histogram((0.0, 1.0, 2.0), (4, 8))
    svg = weight_histograms(fine, coarse)
    heights = [set(re.findall(r" ([\d.]+)", e.get("d"))) for e in paths(svg)]
    assert heights[0] == heights[1]


def paths(svg):
    return [*drawn(svg, "reference"), *drawn(svg, "candidate")]


def test_a_constant_tensor_has_a_drawing():
    svg = weight_histograms(Histogram((1.0, 1.0), (9,)), None)
    assert "NaN" not in svg.upper()
    assert drawn(svg, "candidate")


@pytest.mark.parametrize("share", [-0.5, 0.0, 0.3, 1.0, 7.0])
def test_a_share_never_leaves_its_track(share):
    (fill,) = drawn(share_bar(share), "fill")
    assert 0 <= float(fill.get("width")) <= 168


def test_texts_are_escaped_by_construction():
    canvas = Canvas(10, 10, "x")
    canvas.text((0, 0), "</text><script>", "t")
    assert "<script>" not in canvas.markup()
    assert next(ET.fromstring(canvas.markup()).iter("text")).text == "</text><script>"
