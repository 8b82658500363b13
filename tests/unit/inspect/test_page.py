"""docs/inspect.md shows what the committed models really give."""

import re
from pathlib import Path

import pytest

from harness.backends.detect import detect_form
from harness.inspection import inspect_model, render_facts

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```\n\$ harness inspect (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMITTED = sorted(name for name in EXAMPLES if (ROOT / name).exists())


def test_most_examples_are_of_committed_models():
    assert len(COMMITTED) > len(EXAMPLES) / 2


@pytest.mark.parametrize("name", COMMITTED)
def test_an_example_is_what_is_printed(name):
    facts = inspect_model(ROOT / name, detect_form(ROOT / name).name)
    printed = iter(render_facts(facts).splitlines())
    shown = [line for line in EXAMPLES[name].splitlines() if line != "..."]
    # In order: each line is looked for after the one before.
    assert [line for line in shown if line not in printed] == []
