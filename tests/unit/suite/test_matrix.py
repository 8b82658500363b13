"""``[variant.matrix]``: what it asks for, and how mistakes are told."""

from __future__ import annotations

import pytest

from harness.core.errors import SuiteError
from harness.core.specs import MatrixSpec
from harness.suite import load_suite


def test_ways_are_read(write, plain):
    text = plain + (
        "[variant.matrix]\n"
        'levels = ["disable", "all"]\nbatch_sizes = [1, 8]\nthreads = [2]\n'
    )
    variant = load_suite(write(text)).variant("int8")
    assert variant.matrix == MatrixSpec(("disable", "all"), (), (2,), (1, 8))


def test_without_the_table_nothing_is_asked(write, plain):
    assert load_suite(write(plain)).variant("int8").matrix is None


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "variant[int8].matrix"),
        ('levels = ["most"]', "levels"),
        ("levels = []", "levels"),
        ('levels = "all"', "levels"),
        ("threads = [0]", "threads"),
        ("threads = [true]", "threads"),
        ('batch_sizes = ["1"]', "batch_sizes"),
        ("batches = [1]", "batches"),
    ],
)
def test_mistakes_are_told_by_key(write, plain, lines, told):
    with pytest.raises(SuiteError) as caught:
        load_suite(write(f"{plain}[variant.matrix]\n{lines}\n"))
    assert told in str(caught.value)
    assert caught.value.hint
