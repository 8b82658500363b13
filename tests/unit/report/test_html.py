import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.core.results import Check
from harness.report.html import render_html

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Elements with their attributes and their text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.handle_data(" ")
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag
        self.handle_data(" ")

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag, **facts):
        return [
            e
            for e in self.elements
            if e["tag"] == tag and all(e.get(k) == v for k, v in facts.items())
        ]

    def one(self, tag, **facts):
        (found,) = self.all(tag, **facts)
        return found

    def text(self, tag, **facts):
        return " ".join(self.one(tag, **facts)["text"].split())


@pytest.fixture
def page(report):
    return Page(render_html(report))


@pytest.fixture
def page_of(make):
    return lambda name: Page(render_html(make(name)))


def digest(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_verdict_stands_first(page_of):
    page = page_of("failing")
    assert "Not releasable: 1 of 5 candidates failed; onnx" in page.text("h1")
    first_table = page.elements.index(page.all("table")[0])
    assert page.elements.index(page.one("h1")) < first_table
    assert page.elements[first_table]["id"] == "matrix"


def test_nothing_is_loaded_and_only_ours_runs(page):
    (policy,) = [e["content"] for e in page.all("meta") if "http-equiv" in e]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src '{digest(page.one('style')['text'])}'" in policy
    assert f"script-src '{digest(page.one('script', type=None)['text'])}'" in policy
    addresses = [e.get(a) for e in page.elements for a in ("href", "src") if a in e]
    ours = ("#", "data:,", "data:image/png;base64,")
    assert all(address.startswith(ours) for address in addresses)
    assert not any("style" in e or "onclick" in e for e in page.elements)
    assert not re.search(r"url\(|@import|https?://", page.one("style")["text"])


def test_ids_are_unique_and_every_link_leads_somewhere(page):
    ids = [e["id"] for e in page.elements if "id" in e]
    assert len(ids) == len(set(ids))
    targets = {e["href"][1:] for e in page.all("a")}
    targets |= {e["aria-labelledby"] for e in page.elements if "aria-labelledby" in e}
    assert targets <= set(ids)


def test_tables_have_captions_and_headers_with_scope(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert {e.get("scope") for e in page.all("th")} == {"row", "col"}


def test_landmarks_and_names(page):
    for landmark in ("main", "header", "nav"):
        page.one(landmark)
    assert page.one("html")["lang"] == "en"
    assert page.one("a", **{"class": "skip"})["href"] == "#verdict"
    scrolled = [e for e in page.all("div") if e.get("role") == "group"]
    assert scrolled
    assert all(e["aria-label"] and e["tabindex"] == "0" for e in scrolled)
    assert all(e["aria-hidden"] == "true" for e in page.all("svg"))


def test_a_failing_check_links_to_its_row_and_on_to_its_evidence(page_of):
    page = page_of("failing")
    row = page.one("tr", id="v-onnx-pads--check-per_class_recall")
    assert "10 of 10 classes lose recall" in row["text"]
    assert page.all("a", href="#v-onnx-pads--check-per_class_recall")
    assert page.all("a", href="#v-onnx-pads--decisions")


def test_evidence_of_what_failed_stands_open_and_the_rest_closed(page_of):
    page = page_of("failing")
    opened = {e["id"] for e in page.all("details") if "open" in e}
    assert opened == {
        *("v-onnx-pads--checks", "v-onnx-pads--decisions", "v-onnx-pads--numbers"),
    }


def test_the_worst_facts_are_cards(page_of):
    cards = page_of("failing").text("ul", **{"class": "facts"})
    assert "\u221287.8 points of accuracy" in cards
    assert "35 of 36 samples of class 0 lost" in cards
    assert "PAD001 padding.same_split" in cards


def test_a_finding_shows_both_sides_the_proof_and_the_mending(page_of):
    page = page_of("failing")
    card = page.text("article", id="v-onnx-pads--finding-1")
    for part in (
        "PAD001 Conv 'conv1'",
        "reference pads (0, 0, 1, 1): SAME_UPPER at stride 2, kernel 3",
        "candidate pads (1, 1, 1, 1): symmetric",
        "pads = [0, 0, 1, 1] ; this removes 100 % of the error on 64 samples (proven)",
        "max error 9.9e-01 before, 4.2e-07 after; 57 flips before, 0 after",
        'Next re-export with padding="same"',
        "docs/drift/PAD001.md",
    ):
        assert part in card


def test_the_first_step_that_injects_error_is_drawn_and_named(page_of):
    page = page_of("failing")
    block = page.text("details", id="v-onnx-pads--profile")
    for part in (
        "Where the error comes from 18 steps held against the reference; ",
        "; 2 inject error, first Conv 'conv2'",
        "12 more steps, further from these, not kept.",
        "Conv 'conv2' is the first to inject error: 1.3e+00, with at most 7.0e-08",
        "conv2 Conv 1.3e+00 1.4e+00 1.1e-06 bn2 BatchNormalization 9.0e-03",
    ):
        assert part in block


def test_where_nothing_injects_error_the_profile_says_so(make):
    variant = make("failing").variant("onnx-pads")
    steps = tuple(step for step in variant.profile.steps if not step.guilty)
    sound = replace(variant, profile=replace(variant.profile, steps=steps))
    page = Page(render_html(replace(make("failing"), variants=_with(make, sound))))
    block = page.text("details", id="v-onnx-pads--profile")
    assert "none injects more than rounding" in block
    assert "No step injects more error than rounding explains there." in block


def test_nothing_is_shown_of_a_candidate_that_was_not_looked_into(page_of):
    page = page_of("failing")
    assert not page.all("details", id="v-onnx--profile")
    assert not page.all("details", id="v-onnx--runs")


def test_other_ways_to_run_a_candidate_are_a_table(page_of):
    page = page_of("failing")
    block = page.text("details", id="v-onnx-pads--runs")
    for part in (
        "2 other ways to run it; 1 answers otherwise, first batch size 1;",
        "; 1 could not be run",
        "level disable 2.0e-07 1.0e-05 0 alike",
        "batch size 1 3.1e-01 1.0e-05 4 otherwise",
        "provider CUDA \u2013 \u2013 \u2013 not run: it is not installed",
    ):
        assert part in block


def test_a_failing_run_check_links_to_the_ways(make):
    variant = make("failing").variant("onnx-pads")
    parted = Check("runs_alike", "failed", 1.0, 0.0, "batch size 1 parts.")
    judged = replace(variant, checks=(*variant.checks, parted))
    page = Page(render_html(replace(make("failing"), variants=_with(make, judged))))
    assert page.all("a", href="#v-onnx-pads--runs")
    assert "open" in page.one("details", id="v-onnx-pads--runs")


def _with(make, variant):
    others = make("failing").variants
    return tuple(variant if v.name == variant.name else v for v in others)


def test_classes_stand_worst_first(page_of):
    text = page_of("undecided").text("table", **{"class": "classes"})
    assert "Recall by class: 1 of 10 classes loses" in text
    assert re.search(r"verdict 7 12 .* 58\.3 % 32\u201381 5 0 .* undecided 0 12", text)


def heatmaps(page):
    return [e for e in page.all("table") if "heat" in e.get("class", "").split()]


def test_heatmaps_while_they_can_be_read(page_of):
    heat = heatmaps(page_of("undecided"))
    assert len(heat) == 3
    (lost,) = [e for e in heat if "signed" in e["class"]]
    assert "\u22125" in lost["text"]
    assert "+5" in lost["text"]


def test_many_classes_are_cut_and_said_to_be(samples):
    page = Page(render_html(samples.huge(n_classes=500, n_variants=1)))
    assert not heatmaps(page)
    assert any("480 more classes, none worse" in e["text"] for e in page.all("p"))


class TestWeights:
    def test_faults_are_callouts_with_their_names(self, page_of):
        text = page_of("slipped").text("section", **{"class": "callouts"})
        assert "norm.epsilon epsilon 1e-05, not 0.001" in text
        assert "quant.scale index 3 is 8 times as large" in text

    def test_the_worst_tensors_are_drawn_with_words_beside_them(self, page_of):
        page = page_of("slipped")
        drawings = [e for e in page.all("svg") if e.get("class") == "weights"]
        assert len(drawings) == 6 + 6  # of the candidate, and of the reference
        words = [f["text"] for f in page.all("figcaption") if "std" in f["text"]]
        assert len(words) == len(drawings)
        assert all(e["aria-hidden"] == "true" for e in drawings)
        assert "range of each channel" in drawings[0]["text"]

    def test_the_worst_stand_in_full_and_the_rest_behind_a_fold(self, page_of):
        page = page_of("slipped")
        folded = page.one("details", **{"class": "folded"})
        assert "28 more tensors, none worse" in folded["text"]
        assert "open" not in folded
        captions = [" ".join(e["text"].split()) for e in page.all("caption")]
        assert "Drift of weights against keras: 43 of 43 matched tensors differ" in (
            " ".join(captions)
        )

    def test_layers_to_keep_in_float_are_told_once_at_the_reference(self, page_of):
        page = page_of("slipped")
        (table,) = page.all("table", **{"class": "harm"})
        assert "conv1/kernel" in table["text"]
        assert "50.0 %" in table["text"]
        section = page.one("section", id="v-keras")
        assert "layers to keep in float" in section["text"]
        assert page.all("a", href="#v-keras")

    def test_what_the_audit_found_is_told(self, page_of):
        text = page_of("passing").text("section", **{"class": "callouts"})
        assert "QNT301 quant.bias its scale is 8 times off (error)." in text

    def test_ranges_stand_beside_what_samples_showed(self, page_of):
        tables = page_of("passing").all("table", **{"class": "drift"})
        (table,) = (t for t in tables if "64 samples" in t["text"])
        text = " ".join(table["text"].split())
        assert "Ranges of 2 activations beside what 64 samples of the reference" in text
        assert "conv2/relu 0 to 2.5 0 to 8.25 12.5 % 0 %" in text
        assert text.index("conv2/relu") < text.index("conv1/relu")

    def test_what_became_of_tensors_without_a_partner_is_told(self, page_of):
        text = page_of("slipped").text("section", id="v-onnx-slip")
        assert "only in the reference bn/moving_variance" in text
        assert "bn/gamma and bn/beta: into conv1/kernel" in text
        assert "another than declared" in text
        assert "undone by the next layer" in text


def test_empty_states_say_why(page_of):
    page = page_of("passing")
    texts = [" ".join(e["text"].split()) for e in page.all("p")]
    assert "No flips: the two agree on all 360 samples." in texts
    assert "The two confusion matrices are equal." in texts
    assert "No drift: all 7 matched tensors equal those of onnx." in texts
    assert "Every variant of the suite was run or replayed." in texts
    unlabelled = page_of("no_labels")
    assert not [e for e in unlabelled.all("summary") if "Decisions" in e["text"]]


def test_conditions_name_models_data_and_machine(page_of, make):
    report = make("failing")
    text = page_of("failing").text("section", id="conditions")
    for part in (
        report.golden.digest,
        report.golden.preprocess_digest,
        report.provenance["git_commit"],
        "avx2, avx512_vnni, avx512f, f16c, fma",
        "CPUExecutionProvider",
        "122 kB",
        "19.4 \u00b5s",
        "backend 'tflite' needs ai_edge_litert, not installed; pip install",
        "golden key 'writer' is used by nothing",
        "onnxruntime 1.31.1",
    ):
        assert part in text
    for variant in report.variants:
        assert variant.sha256 in text


def test_texts_of_others_stay_text(page_of, samples):
    page = page_of("hostile")
    assert len(page.all("script")) == 2
    assert page.one("script", type="application/json")["id"] == "data"
    assert len(page.all("style")) == 1
    assert "alert" not in page.one("script", type=None)["text"]
    assert "<script>alert(1)</script>" in page.text("section", id="conditions")
    assert not {tag for e in page.elements for tag in e if tag.startswith("on")}


def test_a_long_name_is_shortened_in_the_middle_and_whole_on_focus(page_of):
    page = page_of("hostile")
    shortened = [e for e in page.all("span") if e.get("class") == "short"]
    assert shortened
    assert all(e["tabindex"] == "0" for e in shortened)
    assert any("x" * 300 in e["text"] for e in shortened)


def test_the_same_report_gives_the_same_bytes(report):
    assert render_html(report) == render_html(report)


def test_a_huge_report_stays_small(make):
    assert len(render_html(make("huge")).encode()) < 3_000_000
