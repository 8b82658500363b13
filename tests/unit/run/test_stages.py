"""The order in which a run with a budget goes through golden data."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run import Deck


@given(st.integers(1, 30_000), st.integers(1, 200), st.lists(st.floats(0, 1)))
def test_stages_cover_every_sample_once(n, step, shares):
    deck = Deck(n, min(step, n), "seed")
    marks = [0, *sorted(int(share * deck.n_blocks) for share in shares), deck.n_blocks]
    seen = np.zeros(n, int)
    for done, mark in pairwise(marks):
        spans = deck.spans(done, mark)
        starts = [span.start for span in spans]
        assert starts == sorted(starts)
        for span in spans:
            assert span.start % min(step, n) == 0
            seen[span] += 1
        assert seen.sum() == deck.n_seen(mark)
    assert (seen == 1).all()


@pytest.mark.parametrize("blocks", [2, 8, 64, 256])
@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_beginning_is_spread_over_the_data(blocks, seed):
    n = 1024 * 64
    deck = Deck(n, 64, seed)
    rows = np.concatenate([np.arange(s.start, s.stop) for s in deck.spans(0, blocks)])
    # One block in each of as many equal stretches.
    assert (np.bincount(rows * blocks // n, minlength=blocks) == 64).all()


def test_classes_in_order_are_seen_alike():
    n = 50_000
    labels = np.arange(n) * 10 // n
    deck = Deck(n, 32, "digest")
    rows = np.concatenate([labels[span] for span in deck.spans(0, 100)])
    shares = np.bincount(rows, minlength=10) / len(rows)
    assert np.abs(shares - 0.1).max() < 0.02


def test_the_seed_alone_decides_the_order():
    one, again, other = (Deck(20_000, 32, seed) for seed in ("a", "a", "b"))
    assert one.spans(0, 20) == again.spans(0, 20)
    assert one.spans(0, 20) != other.spans(0, 20)


def test_the_first_samples_come_first():
    for seed in "abcdefgh":
        assert Deck(20_000, 32, seed).spans(0, 1) == (slice(0, 64),)


def test_blocks_are_whole_batches():
    assert Deck(20_000, 48, "a").rows == 96
    assert Deck(20_000, 100, "a").rows == 100
    assert Deck(10**7, 32, "a").n_blocks <= 1 << 14
