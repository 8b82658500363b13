import dataclasses
import html
import re

from harness.report.markdown import MAX_BYTES, render_markdown


def test_the_verdict_comes_first_and_the_table_second(make):
    lines = render_markdown(make("failing")).splitlines()
    assert lines[0].startswith("### \u274c Not releasable: 1 of 5 candidates failed")
    assert "| <code>onnx-pads</code> | converted | 9.7 % | 7.2 % (-87.8) |" in lines[9]
    assert lines[9].endswith("| \u274c FAILED |")


def test_failing_checks_and_causes_are_listed(make):
    text = html.unescape(render_markdown(make("failing")))
    assert "- FAILED <code>accuracy</code>: Accuracy falls by 87.8%." in text
    assert "- <code>PAD001</code> Conv 'conv1': Pads (1, 1, 1, 1)" in text
    assert "proven: pads = [0, 0, 1, 1]; this removes 100 % of the error" in text
    assert "**not run** <code>tflite</code>: backend 'tflite' needs" in text


def test_details_hold_the_classes_that_lose(make):
    text = render_markdown(make("failing"))
    details = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    assert len(details) == 4
    assert "Classes that lose samples in <code>onnx-pads</code>: 10" in details[1]


def test_texts_of_others_are_no_markup(make):
    text = render_markdown(make("hostile"))
    tags = set(re.findall(r"</?[a-z]+", text))
    assert tags <= {
        *("<code", "</code", "<details", "</details", "<summary", "</summary"),
    }
    assert "](" not in text
    assert not re.search(r"@\w", text)
    assert "`" not in text


def test_tables_keep_their_columns(make):
    for part in render_markdown(make("hostile")).split("\n\n"):
        lines = [line for line in part.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_links_of_others_are_not_made(make):
    report = dataclasses.replace(make("passing"), notices=("see https://x.org/#3 @me",))
    notice = render_markdown(report).splitlines()[-1]
    assert "://" not in notice
    assert not re.search(r"[@#]\w", notice.replace("&#", ""))


def test_it_fits_a_comment_and_is_cut_between_parts(samples):
    report = samples.huge(n_classes=300, n_variants=12)
    notices = tuple(f"{k} {'<' * 380}" for k in range(99))
    noisy = dataclasses.replace(report, notices=notices)
    crowded = dataclasses.replace(noisy, findings=(samples.failing().findings[0],) * 5)
    text = render_markdown(crowded)
    assert len(text.encode()) <= MAX_BYTES
    assert text.endswith("_Cut here: the whole is in the HTML and JSON reports._\n")
    assert text.count("<details>") == text.count("</details>")


def test_the_same_report_gives_the_same_bytes(report):
    assert render_markdown(report) == render_markdown(report)
