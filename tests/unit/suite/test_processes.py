"""Keys that give a variant a process of its own."""

from __future__ import annotations

import pytest

from harness.core.errors import SuiteError
from harness.suite import load_suite

KIND = 'kind = "quantized"'
SUITE = "[suite]"


def variant(file, name="int8"):
    return load_suite(file).variant(name)


def test_everybody_has_one_by_default(edited):
    found = variant(edited(KIND, KIND))
    assert found.isolation == "process"
    assert (found.interpreter, found.timeout, found.load_timeout) == (None, None, None)
    assert (found.memory, dict(found.env)) == (None, {})


def test_the_suite_gives_one_to_all_that_do_not_refuse(write, plain):
    text = plain.replace(SUITE, f'{SUITE}\nisolation = "process"')
    assert {v.isolation for v in load_suite(write(text)).variants} == {"process"}
    text = text.replace(KIND, f'{KIND}\nisolation = "none"')
    suite = load_suite(write(text))
    assert [v.isolation for v in suite.variants] == ["process", "none"]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("timeout = 2", "timeout", 2.0),
        ("load_timeout = 0.5", "load_timeout", 0.5),
        ("memory = 500", "memory", 500),
        ('env = { A = "1", B = "" }', "env", {"A": "1", "B": ""}),
    ],
)
def test_what_only_a_process_can_have_asks_for_one(edited, line, key, value):
    found = variant(edited(KIND, f"{KIND}\n{line}"))
    assert found.isolation == "process"
    assert getattr(found, key) == value


def test_an_interpreter_starts_at_the_suite_and_may_lie_anywhere(edited, tmp_path):
    python = tmp_path.parent / "venv" / "bin" / "python"
    line = f'{KIND}\ninterpreter = "../venv/bin/python"'
    assert variant(edited(KIND, line)).interpreter == python
    line = f'{KIND}\ninterpreter = "{python}"'
    assert variant(edited(KIND, line)).interpreter == python


def test_the_link_that_is_an_environments_python_is_not_followed(edited, tmp_path):
    (tmp_path / "python").symlink_to("/bin/sh")
    found = variant(edited(KIND, f'{KIND}\ninterpreter = "python"'))
    assert found.interpreter == tmp_path / "python"


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ('isolation = "thread"', "isolation", "one of process, none"),
        ("isolation = true", "isolation", "one of process, none"),
        ("timeout = 0", "timeout", "seconds above 0"),
        ("timeout = -1", "timeout", "seconds above 0"),
        ("timeout = inf", "timeout", "a finite number"),
        ('load_timeout = "1"', "load_timeout", "a finite number"),
        ("memory = 0", "memory", "a whole number from 1"),
        ("memory = 1.5", "memory", "a whole number from 1"),
        ('interpreter = ""', "interpreter", "a string that is not empty"),
        ('interpreter = "a\\u0000b"', "interpreter", "the path of a Python"),
        ("env = 1", "env", "a table"),
        ("env = { A = 1 }", "env.A", 'a string, as in OMP_NUM_THREADS = "1"'),
        ('env = { A = "\\u0000" }', "env.A", "a string"),
        ('env = { "A=B" = "1" }', "env.A=B", "no = in it"),
        ('env = { "" = "1" }', "env.", "no = in it"),
    ],
)
def test_a_wrong_value_is_told(edited, line, key, allowed):
    with pytest.raises(SuiteError) as caught:
        load_suite(edited(KIND, f"{KIND}\n{line}"))
    assert f"'variant[int8].{key}' is " in caught.value.message
    assert allowed in caught.value.hint


def test_who_refuses_a_process_cannot_ask_of_it(edited):
    lines = f'{KIND}\nisolation = "none"\nmemory = 100'
    with pytest.raises(SuiteError) as caught:
        load_suite(edited(KIND, lines))
    assert "'variant[int8].isolation' is 'none'" in caught.value.message
    assert "memory asks for a process of its own" in caught.value.hint


def test_the_suite_itself_takes_the_same_words(edited):
    with pytest.raises(SuiteError, match="one of process, none"):
        load_suite(edited(SUITE, f'{SUITE}\nisolation = "all"'))
