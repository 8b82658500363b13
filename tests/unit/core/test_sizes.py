import pytest

from harness.core.sizes import parse_budget, parse_bytes, parse_seconds, show_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("12B", 12),
        ("500MB", 500_000_000),
        (" 10 gb ", 10 * 10**9),
        ("2GiB", 2 << 30),
        ("1.5kB", 1500),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", None), ("90s", 90), ("5m", 300), ("12h", 43_200), ("1.5d", 129_600)],
)
def test_times(text, seconds):
    if seconds is None:
        with pytest.raises(ValueError, match="is not a time like"):
            parse_seconds(text)
    else:
        assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1 GB 2", "1XB", "1e3", "nan"])
def test_what_is_no_size_is_told(text):
    with pytest.raises(ValueError, match="is not a size like 500MB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (10**10, "10 GB"),
        (10**15, "1e+03 TB"),
    ],
)
def test_shown(size, shown):
    assert show_bytes(size) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("300", 300), ("1.5h", 5400)]
)
def test_budgets(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1e3", "inf", "five"])
def test_what_is_no_budget_is_told(text):
    with pytest.raises(ValueError, match="is no"):
        parse_budget(text)
