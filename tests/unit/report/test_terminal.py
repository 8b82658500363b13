import dataclasses
import re

import pytest

from harness.report.terminal import render_terminal
from harness.report.text import columns

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_the_verdict_of_a_failing_release(make):
    lines = render_terminal(make("failing"), colour=False).splitlines()
    assert lines[0] == (
        "digits-cnn  360 golden samples, 10 classes  reference keras (replayed)"
    )
    assert lines[2].split() == [
        *("variant", "kind", "agree", "accuracy", "max", "error", "verdict"),
    ]
    rows = {line.split()[0]: line for line in lines[3:8]}
    assert re.search(r"quantized +99\.7 % +94\.7 % \(-0\.3\)", rows["onnx-int8"])
    assert rows["onnx-pads"].endswith("9.9e-01    FAILED")
    assert rows["tflite"].endswith("not run")
    assert lines[-1] == "1 failed, 3 passed, 1 not run"


def test_a_failure_is_explained_with_cause_proof_and_next_step(make):
    text = " ".join(render_terminal(make("failing"), colour=False).split())
    for part in (
        "FAILED onnx-pads: 10 of 10 classes lose recall (worst: 0, 35 of 36 lost).",
        "[per_class_recall] also FAILED accuracy (-87.8 points)",
        "PAD001 Conv 'conv1': Pads (1, 1, 1, 1) sample the image one pixel off",
        "reference: pads (0, 0, 1, 1): SAME_UPPER at stride 2, kernel 3",
        "candidate: pads (1, 1, 1, 1): symmetric",
        "proven: pads = [0, 0, 1, 1]; this removes 100 % of the error on 64 samples",
        'next: re-export with padding="same"',
        "a lead, not proven: epsilon = 0.001; this removes 0.4 % of the error on",
    ):
        assert part in text


def test_what_was_not_run_says_how_to_install_it(make):
    text = " ".join(render_terminal(make("failing"), colour=False).split())
    assert "not run tflite: backend 'tflite' needs ai_edge_litert" in text
    assert "not installed; pip install 'model-quality-harness[litert]'" in text


def test_passed_variants_need_no_words(make):
    assert len(render_terminal(make("passing"), colour=False).splitlines()) == 8


def test_columns_that_nobody_has_are_left_out(make):
    header = render_terminal(make("no_labels"), colour=False).splitlines()[2]
    assert header.split() == ["variant", "kind", "max", "error", "verdict"]


@pytest.mark.parametrize("width", [72, 80, 120])
def test_lines_fit(report, width):
    lines = render_terminal(report, colour=False, width=width).splitlines()
    assert max(map(columns, lines)) <= width


def test_wide_characters_take_two_columns(make):
    report = make("failing")
    wide = [
        dataclasses.replace(v, name="\u6570\u5b57" * 9, reason="\u539f\u56e0" * 70)
        if v.name == "tflite"
        else v
        for v in report.variants
    ]
    text = render_terminal(
        dataclasses.replace(report, variants=tuple(wide)), colour=False
    )
    assert max(map(columns, text.splitlines())) <= 80


def test_colour_adds_nothing_but_colour(report):
    plain = render_terminal(report, colour=False)
    painted = render_terminal(report, colour=True)
    assert "\x1b" not in plain
    assert ANSI.sub("", painted) == plain
    assert painted != plain


def test_a_message_of_others_cannot_fill_the_screen(make):
    lines = render_terminal(make("hostile"), colour=False).splitlines()
    assert len(lines) < 50
