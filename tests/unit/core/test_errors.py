from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from harness.core import errors
from harness.core.errors import HarnessError, QualityRegression

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, HarnessError)
]


@pytest.mark.parametrize("kind", TREE, ids=lambda k: k.__name__)
class TestEveryError:
    def test_prints_message_and_one_next_step(self, kind):
        error = kind("m.onnx: 7 is wrong", hint="say 8")
        assert str(error) == "m.onnx: 7 is wrong\nHint: say 8"
        assert (error.message, error.hint) == ("m.onnx: 7 is wrong", "say 8")

    @pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy])
    def test_can_be_copied(self, kind, travel):
        self.same(travel(kind("a {b}\n'c'", hint="d")))

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_survives_the_way_between_processes(self, kind, protocol):
        error = pickle.loads(pickle.dumps(kind("a {b}\n'c'", hint="d"), protocol))
        assert type(error) is kind
        self.same(error)

    def same(self, error):
        assert (error.message, error.hint) == ("a {b}\n'c'", "d")
        assert str(error) == "a {b}\n'c'\nHint: d"

    def test_wants_a_hint(self, kind):
        with pytest.raises(TypeError, match="hint"):
            kind("something failed")

    def test_stands_in_the_drawn_tree_under_its_parent(self, kind):
        lines = errors.__doc__.splitlines()
        depth = {
            line.split()[0]: len(line) - len(line.lstrip())
            for line in lines
            if line.startswith("    ")
        }
        parent = kind.__mro__[1]
        assert parent is Exception or depth[kind.__name__] == depth[parent.__name__] + 2


def test_a_failed_model_is_no_fault_of_the_harness():
    assert issubclass(QualityRegression, AssertionError)
    assert not issubclass(QualityRegression, HarnessError)
