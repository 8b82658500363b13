import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from harness.core.results import ChannelRanges, Histogram, StepMap
from harness.report.charts.error_map import error_map
from harness.report.charts.errors import error_histogram
from harness.report.charts.profile import error_profile
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


def tensor(make, **changes):
    """A tensor of which nothing is known that could be drawn, but for `changes`."""
    known = make("passing").variant("onnx").weights[0]
    blank = {"histogram": None, "octaves": None, "channels": None}
    return replace(known, **(blank | changes))


def test_equal_distributions_coincide_whatever_their_bins(make):
    fine = Histogram((0.0, 0.5, 1.0, 1.5, 2.0), (2, 2, 4, 4))
    coarse = Histogram((0.0, 1.0, 2.0), (4, 8))
    svg = weight_histograms(
        tensor(make, histogram=fine), tensor(make, histogram=coarse)
    )
    heights = [set(re.findall(r" ([\d.]+)", e.get("d"))) for e in paths(svg)]
    assert heights[0] == heights[1]


def paths(svg):
    return [*drawn(svg, "reference"), *drawn(svg, "candidate")]


def test_a_constant_tensor_has_a_drawing(make):
    svg = weight_histograms(tensor(make, histogram=Histogram((1.0, 1.0), (9,))), None)
    assert "NaN" not in svg.upper()
    assert drawn(svg, "candidate")


def test_equal_powers_of_two_coincide_whatever_their_span(make):
    wide = Histogram((-2.0, -1.0, -0.5, 0.5, 1.0, 2.0), (0, 3, 1, 4, 0))
    narrow = Histogram((-1.0, -0.5, 0.5, 1.0), (3, 1, 4))
    svg = weight_histograms(tensor(make, octaves=wide), tensor(make, octaves=narrow))
    (reference,), (candidate,) = drawn(svg, "reference"), drawn(svg, "candidate")
    assert reference.get("d") == candidate.get("d") + "Z"


def test_magnitudes_of_no_size_join_the_smallest_that_are_drawn(make):
    edges = tuple(2.0**k for k in range(-127, 3))
    counts = (0,) * 129
    found = Histogram((*(-e for e in reversed(edges)), *edges), (5, *counts, *counts))
    svg = weight_histograms(tensor(make, octaves=found), None)
    assert len(next(iter(drawn(svg, "candidate"))).get("d")) < 3000


def test_float16_is_marked_where_its_digits_end(make):
    small = Histogram((-1.0, -(2.0**-16), 2.0**-16, 1.0), (2, 0, 3))
    large = Histogram((-1.0, -0.5, 0.5, 1.0), (2, 0, 3))
    for found, marks in ((small, 2), (large, 0)):
        svg = weight_histograms(tensor(make, octaves=found), None)
        assert len(drawn(svg, "float16-limit")) == marks


def ranges(high, n=None):
    n = n or len(high)
    return ChannelRanges(0, n, 2.0, 1.5, 0, 1, tuple(-v for v in high), tuple(high))


def test_channels_of_both_are_bands_over_each_other(make):
    ours, theirs = ranges((1.0, 2.0, 3.0)), ranges((1.0, 2.0, 24.0))
    svg = weight_histograms(tensor(make, channels=ours), tensor(make, channels=theirs))
    assert len(drawn(svg, "reference")) == 1
    assert len(drawn(svg, "candidate")) == 2
    assert "24" in "".join(e.text for e in ET.fromstring(svg).iter("text") if e.text)


def test_other_channels_are_not_laid_over_each_other(make):
    svg = weight_histograms(
        tensor(make, channels=ranges((1.0, 2.0))),
        tensor(make, channels=ranges((1.0, 2.0, 3.0))),
    )
    assert not drawn(svg, "reference")


def test_what_is_not_known_is_not_drawn(make):
    assert not paths(weight_histograms(tensor(make), None))
    thinned = replace(ranges((1.0, 2.0)), low=(), high=())
    assert not paths(weight_histograms(tensor(make, channels=thinned), None))


@pytest.mark.parametrize("share", [-0.5, 0.0, 0.3, 1.0, 7.0])
def test_a_share_never_leaves_its_track(share):
    (fill,) = drawn(share_bar(share), "fill")
    assert 0 <= float(fill.get("width")) <= 168


def test_texts_are_escaped_by_construction():
    canvas = Canvas(10, 10, "x")
    canvas.text((0, 0), "</text><script>", "t")
    assert "<script>" not in canvas.markup()
    assert next(ET.fromstring(canvas.markup()).iter("text")).text == "</text><script>"


def profile_of(make):
    return make("failing").variant("onnx-pads").profile


def test_steps_that_inject_error_are_coloured_and_the_first_is_named(make):
    svg = error_profile(profile_of(make))
    worse = [float(bar.get("x")) for bar in drawn(svg, "worse")]
    (limit,) = drawn(svg, "limit")
    mark = float(re.match(r"M([\d.]+)", limit.get("d")).group(1))
    assert len(worse) == 2
    assert worse[0] < mark < worse[1]
    assert [e.text for e in drawn(svg, "limit-text")] == ["first: Conv 'conv2'"]


def test_a_larger_error_stands_higher_and_zero_has_no_bar(make):
    profile = profile_of(make)
    svg = error_profile(profile)
    heights = [float(bar.get("height")) for bar in drawn(svg, "injected")]
    assert len(heights) == sum(step.injected > 0 for step in profile.steps)
    small, large, middle = heights
    assert 0 < small < middle < large


def test_a_step_that_was_not_measured_breaks_the_inherited_line(make):
    assert len(drawn(error_profile(profile_of(make)), "inherited")) == 2


@pytest.mark.parametrize("error", [0.0, 1e-300, 1e30, float("inf"), float("nan")])
def test_every_error_stays_inside_its_drawing(make, error):
    profile = profile_of(make)
    step = replace(profile.steps[2], injected=error, inherited=error)
    svg = error_profile(replace(profile, steps=(step,)))
    for bar in drawn(svg, "injected"):
        assert float(bar.get("y")) >= 12
    for line in drawn(svg, "inherited"):
        assert all(0 <= float(n) <= 720 for n in re.findall(r"[\d.]+", line.get("d")))
    assert "nan" not in re.sub(r"<title>.*?</title>", "", svg)


def test_an_error_map_shades_each_place_by_its_share_of_the_largest():
    svg = error_map(StepMap(2, 3, ((0.0, 1.0, 1.0), (8.0, 8.0, 0.2)), 1.0))
    (faint,), (full,) = drawn(svg, "level-1"), drawn(svg, "level-8")
    assert len(drawn(svg, "cell")) == 2
    # Neighbours of one shade are one rectangle.
    assert [e.get("d").count("M") for e in (faint, full)] == [1, 1]
    assert full.get("d").startswith("M0 ")


def test_a_signal_has_an_error_map_that_can_be_seen():
    svg = error_map(StepMap(1, 64, (tuple(map(float, range(64))),), 0.1))
    assert float(ET.fromstring(svg).get("height")) >= 12
