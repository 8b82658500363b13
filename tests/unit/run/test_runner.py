from __future__ import annotations

import math
from dataclasses import replace
from time import sleep

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import InferenceError, SuiteError
from harness.core.protocols import TensorSpec
from harness.run import Lane, stream

sizes = st.integers(1, 7)


def run(fakes, n, reference_size, *candidate_sizes, told=None):
    """Everyone's sessions, the windows, and the source that was asked."""
    source = fakes.Source(fakes.samples(n))
    sessions = [fakes.Session(answer=lambda x, k=k: k * x) for k in range(1, 9)]
    reference = fakes.predictor(sessions[0], reference_size)
    lanes = {
        f"c{i}": Lane(fakes.predictor(session, size))
        for i, (session, size) in enumerate(
            zip(sessions[1:], candidate_sizes, strict=False)
        )
    }
    return sessions, list(stream(source, reference, lanes, told)), source


@settings(max_examples=40)
@given(n=st.integers(1, 9000), ours=sizes, theirs=sizes)
def test_everyone_sees_the_batches_of_a_plain_loop(fakes, n, ours, theirs):
    sessions, windows, _ = run(fakes, n, ours, theirs)
    for session, size in zip(sessions, (ours, theirs), strict=False):
        starts = [rows.start for rows in session.rows]
        assert starts == list(range(0, n, size))
        assert all(len(batch) == size for batch in session.batches[:-1])
    for k, name in ((1, None), (2, "c0")):
        parts = [w.candidates[name] if name else w.reference for w in windows]
        whole = np.concatenate([part["y"] for part in parts])
        np.testing.assert_array_equal(whole, k * fakes.samples(n))


def test_windows_are_whole_batches_of_everyone(fakes):
    _, windows, source = run(fakes, 10_000, 30, 50, 7)
    (rows,) = source.asked
    assert rows % math.lcm(30, 50, 7) == 0
    assert [w.chunk.rows.start for w in windows] == list(range(0, 10_000, rows))


def test_a_recording_does_not_widen_windows(fakes):
    source = fakes.Source(fakes.samples(5000))
    recording = fakes.predictor(fakes.Recording(fakes.samples(5000)), 4093)
    lanes = {"live": Lane(fakes.predictor(fakes.Session(), 32))}
    windows = list(stream(source, recording, lanes))
    assert source.asked == [4096]
    assert len(windows) == 2


@pytest.mark.parametrize(
    ("floats_a_sample", "expected"), [(2, 4096), (1 << 12, 256), (1 << 21, 32)]
)
def test_windows_hold_a_few_megabytes_but_at_least_a_batch(
    fakes, floats_a_sample, expected
):
    source = fakes.Source(fakes.samples(5000))
    outputs = (TensorSpec("y", "float32", ("n", floats_a_sample)),)
    reference = fakes.predictor(fakes.Session(outputs=outputs), 32)
    list(stream(source, reference, {}))
    assert source.asked == [expected]


def test_large_golden_inputs_make_small_windows_too(fakes):
    class Large(fakes.Source):
        inputs = (TensorSpec("x", "float64", (None, 1 << 16)),)

    source = Large(fakes.samples(20))
    list(stream(source, fakes.predictor(fakes.Session(), 2), {}))
    assert source.asked == [8]


def test_batch_sizes_that_hardly_ever_meet_are_refused(fakes):
    source = fakes.Source(fakes.samples(40_000))
    outputs = (TensorSpec("y", "float32", ("n", 75_000)),)
    session = fakes.Session(outputs=outputs)
    lanes = {"a": Lane(fakes.predictor(session, 31))}
    reference = fakes.predictor(session, 32)
    next(stream(source, reference, lanes))  # 992 samples: 284 MiB
    lanes["b"] = Lane(fakes.predictor(session, 33))
    with pytest.raises(SuiteError) as caught:
        next(stream(source, reference, lanes))
    assert "batch sizes 31, 32, 33" in caught.value.message
    assert "32736 samples" in caught.value.message
    assert "batch_size" in caught.value.hint


def test_few_samples_are_one_window_whatever_the_batch_sizes(fakes):
    _, windows, source = run(fakes, 40, 31, 33, 37)
    assert len(windows) == 1
    assert source.asked == [40]


def failing_from(sample):
    def answer(x):
        if x.max() >= 2 * sample:
            raise InferenceError("out of luck", hint="try again")
        return x

    return answer


def test_a_failing_candidate_leaves_while_the_others_go_on(fakes):
    source = fakes.Source(fakes.samples(10_000))
    broken = fakes.Session(answer=failing_from(5000))
    lanes = {
        "broken": Lane(fakes.predictor(broken, 8)),
        "sound": Lane(fakes.predictor(fakes.Session(), 8)),
    }
    windows = list(stream(source, fakes.predictor(fakes.Session(), 8), lanes))
    assert [sorted(w.candidates) for w in windows] == [
        ["broken", "sound"],
        ["sound"],
        ["sound"],
    ]
    assert lanes["sound"].failure is None
    failure = lanes["broken"].failure
    assert failure.sample == 4096  # the window that failed
    assert str(failure.error) == "out of luck\nHint: try again"
    # Asked no more after its failure.
    assert broken.rows[-1] == slice(5000, 5008)


def test_the_reference_failing_ends_the_run_and_says_so(fakes):
    source = fakes.Source(fakes.samples(9000))
    reference = fakes.predictor(fakes.Session(answer=failing_from(4097)), 8)
    with pytest.raises(InferenceError) as caught:
        list(stream(source, reference, {}))
    assert caught.value.message == ("variant 'model', from sample 4096 on: out of luck")
    assert caught.value.hint == "try again"


def test_an_error_that_is_not_ours_is_not_swallowed(fakes):
    def bug(x):
        raise ZeroDivisionError

    source = fakes.Source(fakes.samples(3))
    lanes = {"buggy": Lane(fakes.predictor(fakes.Session(answer=bug)))}
    with pytest.raises(ZeroDivisionError):
        list(stream(source, fakes.predictor(fakes.Session()), lanes))


def test_progress_is_told_after_each_window(fakes):
    told = []
    run(fakes, 9000, 8, told=lambda done, total: told.append((done, total)))
    assert told == [(4096, 9000), (8192, 9000), (9000, 9000)]


def test_what_is_read_ahead_is_bounded_by_all_that_it_holds(fakes):
    """Of small samples, labels and names are the most."""

    class Named(fakes.Source):
        made = 0

        def chunks(self, rows, span=None):
            for chunk in super().chunks(rows, span):
                self.made += 1
                names = np.full(len(chunk.inputs["x"]), "a", "U256")
                yield replace(chunk, sample_ids=names)

    source = Named(fakes.samples(60 * 4096))
    made = []
    for _ in stream(source, fakes.predictor(fakes.Session(), 4096), {}):
        # Time for whoever would read on.
        sleep(0.002)
        made.append(source.made)
    # The next, one that waits for its 4 MiB, and one that is being made.
    assert max(n - used for used, n in enumerate(made, 1)) <= 3
