from __future__ import annotations

import pytest

from harness.core.errors import SuiteError
from harness.core.protocols import TensorSpec
from harness.run import bind_inputs


def specs(names: str) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, "float32", None) for name in names.split())


@pytest.mark.parametrize(
    ("golden", "model", "declared", "bound"),
    [
        ("image", "image", {}, {"image": "image"}),
        ("image", "x:0", {}, {"image": "x:0"}),
        ("a b", "b a", {}, {"a": "a", "b": "b"}),
        ("a b unused", "a b", {}, {"a": "a", "b": "b"}),
        ("image", "x:0", {"image": "x:0"}, {"image": "x:0"}),
        ("a b", "x b", {"a": "x"}, {"a": "x", "b": "b"}),
        ("a b", "a b", {"a": "b", "b": "a"}, {"a": "b", "b": "a"}),
        ("a b c", "a b", {"c": "a"}, {"c": "a", "b": "b"}),
        ("a b", "", {}, {}),
    ],
)
def test_pairs_as_declared_then_by_name(golden, model, declared, bound):
    assert bind_inputs(specs(golden), specs(model), declared, "int8") == bound


@pytest.mark.parametrize(
    ("golden", "model", "declared", "fragments"),
    [
        ("image", "x", {"imgae": "x"}, ["golden data has no input 'imgae'", "image"]),
        ("image", "x", {"image": "y"}, ["the model has no input 'y'", "are x"]),
        ("a b", "x", {}, ["nothing feeds model input 'x'", "golden data has a, b"]),
        ("a", "x y", {}, ["nothing feeds model input 'x'", '= "x"']),
        ("a", "a y", {}, ["nothing feeds model input 'y'"]),
        ("", "x", {}, ["nothing feeds model input 'x'", "no inputs"]),
        ("a b", "x", {"a": "x", "b": "x"}, ["several golden arrays feed", "'x'"]),
        # A declared array is not also bound by its own name.
        ("a b", "a b", {"a": "b"}, ["nothing feeds model input 'a'"]),
    ],
)
def test_what_cannot_be_paired_is_named(golden, model, declared, fragments):
    with pytest.raises(SuiteError) as caught:
        bind_inputs(specs(golden), specs(model), declared, "int8")
    text = str(caught.value)
    for fragment in ["variant 'int8'", "inputs", "Hint: ", *fragments]:
        assert fragment in text
