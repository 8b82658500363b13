"""What a page shows on demand: rows, cells and samples, and how little it weighs."""

import base64
import io
import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from harness.core.codec import from_json, to_json
from harness.core.results import QualityReport
from harness.report.html import render_html
from harness.report.view.confusion import MAX_HEATMAP
from harness.report.view.counts import counts_of, decided_counts
from harness.report.view.pixels import CHANGES, MAGNITUDES, matrix_picture, step

DATA = re.compile(
    r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL
)
NEW_FIELDS = {"samples", "examples", "confusion_cells", "error_map"}


def data_of(html):
    (text,) = DATA.findall(html)
    return json.loads(text)


def rows_of(data, table):
    """The rows as their cells' texts."""
    kept = data["tables"][table]
    told = [data["cells"][k] for row in kept["rows"] for k in row[2:]]
    texts = [cell if isinstance(cell, str) else cell.get("t", "") for cell in told]
    width = len(kept["kinds"])
    return [texts[at : at + width] for at in range(0, len(texts), width)]


@pytest.fixture(scope="module")
def html(make):
    return render_html(make("pictured"))


@pytest.fixture(scope="module")
def huge(make):
    return render_html(make("huge"))


def test_the_page_writes_the_worst_rows_and_holds_all(huge):
    table = huge[huge.index('id="v-onnx-11--classes"') :].partition("</table>")[0]
    assert table.count('scope="row"') == 20
    assert 'data-rows="1000"' in table
    rows = rows_of(data_of(huge), "v-onnx-11--classes")
    assert len(rows) == 1000
    written = re.search(r'<th scope="row"[^>]*><a[^>]*>(.*?)</a>', table).group(1)
    assert rows[0][0] in written
    assert "980 more classes, none worse" in huge


def test_every_class_has_an_address_of_its_own(huge):
    data = data_of(huge)
    kept = data["tables"]["v-onnx-11--classes"]
    ids = [kept["prefix"] + data["texts"][row[0]] for row in kept["rows"]]
    assert len(set(ids)) == 1000
    assert "v-onnx-11--class-n00000999-long-long-long-long-class-999" in ids


def test_a_huge_report_stays_small(huge):
    assert len(huge.encode()) < 3_000_000


def test_matrices_of_many_classes_are_pictures_with_words(huge):
    section = huge[huge.index('id="v-onnx-11--decisions"') :].partition("</details>")[0]
    found = re.findall(
        r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', section
    )
    assert [words.partition(":")[0] for _, words in found] == [
        "Reference",
        "Candidate",
        "Candidate less reference",
    ]
    image = Image.open(io.BytesIO(base64.b64decode(found[0][0])))
    assert image.size == (250, 250)
    assert "A point is 4 by 4 classes" in section
    assert "Confusions that changed" in section


def test_samples_are_written_once_whoever_shows_them(html, make):
    data = data_of(html)
    report = make("pictured")
    assert [s[0] for s in data["samples"]] == [s.sample for s in report.samples]
    kinds = {key for s in data["samples"] for preview in s[2] for key in preview}
    assert {"png", "lines", "text", "shape", "input"} <= kinds
    assert html.count(report.samples[0].previews[0].png) == 1


def test_decisions_tell_who_was_taken_for_whom(html, make):
    data = data_of(html)
    found = data["decided"]["v-onnx-pads"]
    names = [data["texts"][k] for k in data["names"][found["names"]]]
    told = {s[0]: (names[s[1]], names[s[2]], names[s[3]]) for s in found["samples"]}
    for flip in make("pictured").variant("onnx-pads").labels.flips:
        assert told[flip.sample] == (flip.true, flip.old, flip.new)
    assert told[360] == ("8", "8", "8")
    assert 0 < len(found["foremost"]) <= 12


def test_a_cell_a_class_and_a_flip_say_what_they_open(html):
    assert re.search(r'<td class="num worse" data-opens="class \d">', html)
    assert re.search(r'data-opens="cell \d \d"', html)
    assert re.search(r'data-opens="sample \d+"', html)
    assert re.search(r'<table class="heat ?\w*" data-place="v-onnx-pads">', html)


def test_flows_are_drawn_and_said(html):
    section = html[html.index(">Where decisions went") :].partition("</section>")[0]
    assert 'class="ribbon worse"' in section
    assert "The largest: true" in re.sub(r"<[^>]+>", "", section)


def test_an_error_map_is_a_picture_with_its_largest_place(html):
    section = html[html.index("Where in the output the error lies") :]
    section = section.partition("</section>")[0]
    assert "row 30, column 0" in re.sub(r"<[^>]+>", "", section)
    src = re.search(r"base64,([^\"]+)", section).group(1)
    image = Image.open(io.BytesIO(base64.b64decode(src))).convert("RGBA")
    assert image.size == (24, 16)
    assert image.getpixel((0, 15))[3] > image.getpixel((5, 15))[3]


def test_texts_of_others_cannot_leave_the_data(make):
    html = render_html(make("hostile"))
    (text,) = DATA.findall(html)
    assert not set("<>&") & set(text)
    assert text.isascii()
    names = data_of(html)["texts"]
    assert any("<script>alert(1)</script>" in name for name in names)
    assert "</style><style>*{display:none}" in names


def test_a_name_of_any_length_is_bounded(make):
    report = make("pictured")
    long = "\N{SNOWMAN}" * 10_000
    variant = report.variant("onnx-pads")
    labels = variant.labels
    rows = (replace(labels.per_class[0], class_name=long), *labels.per_class[1:])
    confusion = replace(labels.confusion, classes=(long, *labels.confusion.classes[1:]))
    changed = replace(labels, per_class=rows, confusion=confusion)
    judged = replace(variant, labels=changed)
    others = tuple(judged if v is variant else v for v in report.variants)
    html = render_html(replace(report, variants=others))
    assert len(html) < len(render_html(report)) + 50_000
    assert "(9,720 more)" in html


def test_a_record_of_old_still_renders(make):
    def without(value):
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k not in NEW_FIELDS}
        return [without(v) for v in value] if isinstance(value, list) else value

    for name in ("pictured", "many_classes"):
        html = render_html(from_json(QualityReport, without(to_json(make(name)))))
        assert "Flips: " in html
        assert data_of(html)["samples"] == []


def test_a_record_renders_the_same_after_it_was_saved(make, html):
    saved = json.loads(json.dumps(to_json(make("pictured"))))
    assert render_html(from_json(QualityReport, saved)) == html


class TestPixels:
    def test_steps_of_the_root_show_what_is_rare(self):
        assert [step(s) for s in (0.0, 1e-9, 0.01, 0.5, 1.0)] == [0, 1, 1, 7, 9]

    @pytest.mark.parametrize(("n", "side"), [(41, 41), (300, 300), (301, 151)])
    def test_a_matrix_fits_its_picture(self, n, side):
        src, size = matrix_picture(n, [(n - 1, n - 1, 9)], MAGNITUDES)
        image = Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2])))
        assert image.size == (side, side)
        assert max(size) <= 300
        assert image.getpixel((side - 1, side - 1)) == 9

    def test_of_cells_that_share_a_point_the_strongest_is_seen(self):
        src, _ = matrix_picture(600, [(0, 0, 3), (1, 1, 14), (0, 1, 1)], CHANGES)
        image = Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2])))
        assert image.getpixel((0, 0)) == 14


def test_whole_and_sparse_matrices_tell_the_same(make):
    labels = make("many_classes").variant("onnx-int4").labels
    whole = counts_of(labels.confusion)
    assert len(whole.names) <= MAX_HEATMAP
    totals = [sum(cell[2] for cell in whole.cells), sum(whole.totals)]
    assert totals == [labels.n, labels.n]
    assert decided_counts(labels) == whole
    changes = [abs(after - before) for *_, before, after in whole.cells]
    assert changes == sorted(changes, reverse=True)


def test_an_edited_record_with_cells_of_no_class_renders(make):
    report = make("huge")
    variant = report.variant("onnx-11")
    sparse = variant.labels.confusion_cells
    wrong = replace(sparse, cells=((5, 99_999, 1, 2), (-1, 0, 1, 2), *sparse.cells[:9]))
    labels = replace(variant.labels, confusion_cells=wrong)
    assert len(decided_counts(labels).cells) == 9
