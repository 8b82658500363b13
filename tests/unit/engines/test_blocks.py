from hypothesis import given
from hypothesis import strategies as st

from harness.engines.blocks import next_block

MOST = 16
Workers = st.integers(1, 40)


def blocks(n_spans, crews):
    """All blocks of some spans, for crews of these sizes in turn."""
    spans = [slice(at, at + 1) for at in range(n_spans)]
    found, start = [], 0
    while start < n_spans:
        block = next_block(spans, start, crews[len(found) % len(crews)], MOST)
        found.append(block)
        start += len(block)
    assert [span for block in found for span in block] == spans
    return found


@given(st.integers(1, 3000), st.lists(Workers, min_size=1, max_size=5))
def test_blocks_are_subtrees_however_many_workers_come_and_go(n_spans, crews):
    start = 0
    for block in blocks(n_spans, crews):
        assert len(block).bit_count() == 1
        assert len(block) <= MOST
        assert start % len(block) == 0
        start += len(block)


@given(st.integers(1, 3000), Workers)
def test_blocks_become_smaller_until_all_workers_have_single_spans(n_spans, crew):
    sizes = [len(block) for block in blocks(n_spans, [crew])]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size == 1 for size in sizes[-crew:])


def test_many_spans_go_out_in_large_blocks():
    sizes = [len(block) for block in blocks(1000, [2])]
    assert sizes[:50] == [MOST] * 50
    assert len(sizes) < 100
