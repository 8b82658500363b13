import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.codec import from_json
from harness.core.errors import SuiteError
from harness.core.tolerances import OutputTolerance, ToleranceLock
from harness.suite import load_suite, load_tolerances, lock_path, render_tolerances

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ENTRIES = st.builds(
    OutputTolerance,
    *(TEXT,) * 5,
    NUMBERS,
    atol=st.none() | NUMBERS,
    reason=st.none() | TEXT,
    candidate_noise=st.dictionaries(TEXT, NUMBERS, max_size=2),
    unmeasured=st.dictionaries(TEXT, TEXT, max_size=2),
)
LOCKS = st.builds(
    ToleranceLock,
    *(TEXT, TEXT),
    *(st.integers(0, 2**40),) * 2,
    NUMBERS,
    TEXT,
    cpu_flags=st.lists(TEXT, max_size=2).map(tuple),
    packages=st.dictionaries(TEXT, TEXT, max_size=2),
    outputs=st.lists(ENTRIES, max_size=2).map(tuple),
)


@given(LOCKS)
def test_what_is_written_is_toml_and_reads_back_the_same(lock):
    values = tomllib.loads(render_tolerances(lock))
    assert from_json(ToleranceLock, values, "lock") == lock


def test_a_suite_without_a_lock_has_none(write, plain):
    suite = load_suite(write(plain))
    assert load_tolerances(suite) is None
    assert lock_path(suite) == suite.path.with_name("tolerances.lock.toml")


@pytest.mark.parametrize("text", ["samples = ", "samples = 3\n", "outputs = 3\n"])
def test_a_broken_lock_is_named(write, plain, text):
    suite = write(plain)
    suite.with_name("tolerances.lock.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=r"tolerances\.lock\.toml"):
        load_tolerances(load_suite(suite))
