"""A run with a time budget stops when its checks are decided, and says so."""

import json
from itertools import count

import numpy as np
import pytest

from harness.core.codec import from_json, to_json
from harness.core.results import EarlyAnswer, QualityReport
from harness.core.specs import RunOptions
from harness.pipeline import early, evaluate
from harness.report.html import render_html
from harness.report.markdown import render_markdown

N = 20_000
CLASSES = 3


@pytest.fixture
def large(release):
    """20,000 samples that lie class by class; the candidate is the reference."""
    release.edit('reference = "reference"', 'reference = "reference"\nisolation="none"')
    fill(release, N)
    return release


def fill(release, n):
    random = np.random.default_rng(0)
    label = np.arange(n) * CLASSES // n
    x = random.normal(0, 0.1, (n, 4)).astype(np.float32)
    x[np.arange(n), label] += 1
    release.data(x=x, label=label)


def run(release, seconds=3600.0, **options):
    asked = RunOptions(diagnose=False, budget_seconds=seconds, **options)
    return evaluate(release.suite, asked)


def statuses(report):
    return {check.name: check.status for check in report.variant("candidate").checks}


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is a second later than the one before."""
    ticks = count()
    monkeypatch.setattr(early, "monotonic", lambda: float(next(ticks)))


def test_a_faithful_candidate_passes_on_some_of_the_samples(large):
    report = run(large)
    assert report.verdict == "passed"
    assert set(statuses(report).values()) == {"passed"}
    found = report.early
    assert found is not None
    assert found.reason == "decided"
    assert found.n_samples == N
    assert found.n_used == report.golden.n_samples < 0.6 * N
    assert sum(report.golden.class_counts) == found.n_used
    # Classes that lie one behind the other are seen alike.
    assert max(report.golden.class_counts) - min(report.golden.class_counts) < 256
    assert report.notices[0].startswith(
        f"Early answer: after {found.n_used:,} of 20,000 golden samples every check"
    )
    told = [c.message for c in report.variant("candidate").checks]
    assert sum("at most 0.1 % can, with 99.9 % confidence" in t for t in told) == 2


def test_a_broken_candidate_fails_on_few(large, small):
    kernel = small.weights()[:, [1, 0, 2]]
    large.model("candidate.onnx", small.classifier(kernel))
    report = run(large)
    assert report.verdict == "failed"
    assert report.early.reason == "decided"
    assert report.early.n_used < 0.6 * N
    failed = {name for name, status in statuses(report).items() if status == "failed"}
    names = {"outputs_close", "top1_agreement", "accuracy", "per_class_recall"}
    assert names <= failed


def plain(report):
    """What two runs on the same samples agree in."""
    found = to_json(report)
    for name in ("provenance", "early", "notices"):
        del found[name]
    for variant in found["variants"]:
        del variant["seconds_per_sample"]
    return found


def approximately(one, other):
    """Equal, but for how sums of floats were made."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            approximately(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            approximately(mine, theirs)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-12)
    else:
        assert one == other


def test_what_cannot_be_decided_early_is_judged_on_all(large, small):
    """Some elements may break the rule, and some do."""
    fill(large, 3000)
    large.model("candidate.onnx", small.classifier(small.weights() * 1.0001))
    large.add("gate = { atol = 1e-9, rtol = 2e-5, max_mismatched = 0.999 }")
    report = run(large)
    assert report.early.reason == "all"
    assert report.early.n_used == report.golden.n_samples == 3000
    assert report.notices[0].startswith("No early answer: all 3,000 golden samples")
    whole = evaluate(large.suite, RunOptions(diagnose=False))
    assert whole.variant("candidate").outputs[0].n_mismatched > 0
    assert whole.early is None
    assert statuses(report) == statuses(whole)
    approximately(plain(report), plain(whole))


def test_the_time_stops_it(large, clock):
    report = run(large, 5.0)
    assert report.early == EarlyAnswer(1408, N, 2, "time")
    assert report.verdict == "undecided"
    assert statuses(report)["finite_outputs"] == "undecided"
    notice = report.notices[0]
    assert notice.startswith("The time was up after 1,408 of 20,000 golden samples, in")
    assert "candidate::finite_outputs" in notice


def test_what_fits_into_the_time_is_seen(large, clock):
    report = run(large, 3.5)
    assert report.early == EarlyAnswer(1024, N, 2, "time")


def test_the_first_samples_are_seen_without_time(large, clock):
    report = run(large, 1e-9)
    assert report.early == EarlyAnswer(704, N, 1, "time")


def test_the_same_samples_give_the_same_report(large):
    one, other = run(large), run(large)
    assert plain(one) == plain(other)
    assert one.early == other.early


def test_workers_find_the_same(large):
    alone, beside = run(large), run(large, workers=2)
    assert beside.early == alone.early
    assert plain(beside) == plain(alone)


def test_a_baseline_is_held_against_all_samples(large, clock):
    accepted = evaluate(large.suite, RunOptions(diagnose=False))
    report = run(large, 5.0, baseline=accepted)
    assert statuses(report)["baseline"] == "undecided"
    report = run(large, baseline=accepted)
    assert report.early.reason == "all"
    assert statuses(report)["baseline"] == "passed"
    partial = run(large)
    assert partial.early.reason == "decided"
    whole = evaluate(large.suite, RunOptions(diagnose=False, baseline=partial))
    assert statuses(whole)["baseline"] == "undecided"


def test_a_waiver_may_be_needed_by_what_was_not_seen(large):
    (large.folder / "waivers.toml").write_text(
        '[[waiver]]\nvariant = "candidate"\ncheck = "accuracy"\nwhy = "known"\n'
        'who = "Ann"\nuntil = 2999-01-01\n'
    )
    assert evaluate(large.suite, RunOptions(diagnose=False)).verdict == "failed"
    report = run(large)
    assert report.verdict == "passed"
    assert [use.state for use in report.waivers] == ["not judged"]


def test_a_candidate_that_leaves_does_not_hold_the_others_up(large):
    text = large.suite.read_text()
    large.write(
        f'{text}[[variant]]\nname = "gone"\nkind = "converted"\npath = "x.onnx"\n'
    )
    report = run(large)
    assert report.variant("gone").verdict == "error"
    assert report.early.reason == "decided"


def test_causes_are_looked_for_on_the_first_samples(large, small):
    large.model("candidate.onnx", small.classifier(small.weights() * 1.01))
    full = evaluate(large.suite)
    report = evaluate(large.suite, RunOptions(budget_seconds=3600.0))
    assert report.early.reason == "decided"
    causes = [f.cause for f in report.findings]
    assert causes
    assert causes == [f.cause for f in full.findings]


def test_every_report_says_so(large):
    report = run(large)
    for text in (render_html(report), render_markdown(report)):
        assert "Early answer: after" in text
        assert f"{report.early.n_used:,} of 20,000 golden samples" in text
    text = json.dumps(to_json(report))
    assert from_json(QualityReport, json.loads(text), "report").early == report.early


def test_the_command(large):
    result = large.run("--budget", "1h", "--no-diagnose")
    assert result.exit_code == 0
    assert "Early answer: after" in " ".join(result.output.split())
    assert large.record()["early"]["reason"] == "decided"


@pytest.mark.parametrize("text", ["soon", "0", "-5m"])
def test_no_time_is_a_usage_error(large, text):
    result = large.run("--budget", text)
    assert result.exit_code == 2
    assert f"--budget: '{text}' is no" in result.output


@pytest.mark.parametrize("n", [1, 7, 60, 400, 2_000, 20_000, 10**6, 10**9])
@pytest.mark.parametrize("rows", [64, 640])
def test_looks_are_few_and_end_at_all_samples(n, rows):
    found = early.marks(n, rows)
    assert 1 <= len(found) <= 7
    assert list(found) == sorted(set(found))
    assert found[0] >= 1
    assert found[-1] == -(-n // rows)
