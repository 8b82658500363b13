"""Which inputs a report keeps."""

import numpy as np

import harness
from harness.comparison import ComparisonResult
from harness.core.protocols import GoldenChunk
from harness.core.results import Flip, Flow, LabelComparison
from harness.pipeline.looks import MOST_SAMPLES, Looks


def chunk(start, n, shape=(8, 8, 1)):
    values = np.random.default_rng(start).random((n, *shape)).astype(np.float32)
    ids = np.array([f"id-{start + k}" for k in range(n)])
    return GoldenChunk(slice(start, start + n), {"image": values}, None, ids)


def result(*flips, flows=()):
    labels = LabelComparison(
        *(100, None, None, 0.5, None, None, len(flips)), flows=flows, examples=flips
    )
    return ComparisonResult((), labels)


def flip(sample, old="a", new="b"):
    return Flip(sample, "a", old, new, 0.5, f"id-{sample}")


def test_only_what_is_wanted_is_kept_and_what_no_longer_is_goes():
    looks = Looks()
    looks.update(chunk(0, 10), {3, 4})
    looks.update(chunk(10, 10), {4, 12})
    found = looks.result({"one": result(flip(3), flip(4), flip(12))})
    assert [(s.sample, s.sample_id) for s in found] == [(4, "id-4"), (12, "id-12")]
    assert found[0].previews[0].png


def test_candidates_take_turns_and_large_flows_come_first():
    looks = Looks()
    n = 2 * MOST_SAMPLES
    looks.update(chunk(0, n), set(range(n)))
    many = result(*map(flip, range(n - 1)))
    few = result(
        flip(n - 2, "c"), flip(n - 1, "d"), flows=(Flow("a", "d", "b", 9, 0.5),)
    )
    found = looks.result({"many": many, "few": few})
    assert len(found) == MOST_SAMPLES
    assert {n - 2, n - 1} <= {s.sample for s in found}
    assert [s.sample for s in found] == sorted(s.sample for s in found)


def test_large_pictures_are_kept_in_few_bytes():
    looks = Looks()
    looks.update(chunk(0, 200, (224, 224, 3)), set(range(200)))
    found = looks.result({"one": result(*map(flip, range(200)))})
    size = sum(len(p.png) for s in found for p in s.previews)
    assert 100_000 < size < 300_000


class TestRuns:
    def moved(self, release, small):
        release.model("candidate.onnx", small.classifier(-small.weights()))

    def test_a_run_keeps_the_inputs_of_samples_that_moved(self, release, small):
        self.moved(release, small)
        report = harness.evaluate(release.suite)
        (candidate,) = report.candidates
        kept = {shown.sample for shown in report.samples}
        assert candidate.labels.flips
        assert {flip.sample for flip in candidate.labels.flips} <= kept
        assert all(shown.previews for shown in report.samples)

    def test_a_suite_may_hide_them(self, release, small):
        self.moved(release, small)
        release.edit("[golden]", "[golden]\nhide_inputs = true")
        report = harness.evaluate(release.suite)
        assert report.samples == ()
        assert report.candidates[0].labels.flips
