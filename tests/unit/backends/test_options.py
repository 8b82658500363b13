import re

import pytest

from harness.backends.options import Options
from harness.core.errors import SuiteError

ALLOWED = ("threads", "level", "names")


def options(**given):
    return Options("demo", given, ALLOWED)


def test_defaults_hold_where_nothing_is_given():
    empty = options()
    assert empty.count("threads", 2) == 2
    assert empty.choice("level", ("low", "high"), "high") == "high"
    assert empty.names("names") == []


def test_what_is_given_counts():
    given = options(threads=4, level="low", names=("a", "b"))
    assert given.count("threads", 1) == 4
    assert given.choice("level", ("low", "high"), "high") == "low"
    assert given.names("names") == ["a", "b"]


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(SuiteError, match="'demo' has no option 'thread'") as caught:
        options(thread=1)
    assert "level, names, threads" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"threads": "four"}, lambda o: o.count("threads", 1)),
        ({"threads": True}, lambda o: o.count("threads", 1)),
        ({"threads": -1}, lambda o: o.count("threads", 1)),
        ({"level": "medium"}, lambda o: o.choice("level", ("low", "high"), "low")),
        ({"level": 3}, lambda o: o.choice("level", ("low", "high"), "low")),
        ({"names": "a"}, lambda o: o.names("names")),
        ({"names": ["a", 1]}, lambda o: o.names("names")),
    ],
)
def test_wrong_value_is_shown_with_what_is_allowed(given, read):
    [(name, value)] = given.items()
    with pytest.raises(SuiteError, match=re.escape(f"{name} = {value!r}")) as caught:
        read(options(**given))
    assert name in caught.value.hint
