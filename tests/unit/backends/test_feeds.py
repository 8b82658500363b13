import numpy as np
import pytest

from harness.backends.feeds import FeedCheck, dtype_name, fixed_batch
from harness.core.errors import InferenceError
from harness.core.protocols import TensorSpec

SPECS = (
    TensorSpec("image", "float32", ("n", 8, 8, 1)),
    TensorSpec("mask", "bool", (None, 4)),
)
FEEDS = {"image": np.zeros((2, 8, 8, 1), np.float32), "mask": np.ones((2, 4), bool)}


def test_what_is_declared_passes_again_and_again():
    check = FeedCheck(SPECS)
    for count in (1, 2, 2, 1):
        check({name: array[:count] for name, array in FEEDS.items()})


@pytest.mark.parametrize(
    ("feeds", "match"),
    [
        ({"image": FEEDS["image"]}, "'mask' is not fed; got image"),
        ({}, "'image' is not fed; got nothing"),
        ({**FEEDS, "extra": np.ones(2)}, "no input 'extra'"),
        ({**FEEDS, "image": np.zeros((2, 8, 8, 1))}, "'image' takes float32.*float64"),
        (
            {**FEEDS, "image": FEEDS["image"][0]},
            r"\(n, 8, 8, 1\) of rank 4, got.*rank 3",
        ),
        ({**FEEDS, "mask": np.ones((2, 5), bool)}, r"shape \(\?, 4\), got \(2, 5\)"),
        ({**FEEDS, "mask": [[True]]}, "'mask' takes an array, got list"),
        ({**FEEDS, "extra": 3}, "'extra' takes an array, got int"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_what_is_not_declared_is_told(feeds, match, warm):
    check = FeedCheck(SPECS)
    if warm:
        check(FEEDS)
    for _ in range(2):
        with pytest.raises(InferenceError, match=match) as caught:
            check(feeds)
        assert caught.value.hint


def test_inputs_that_swapped_their_forms_are_not_confused():
    check = FeedCheck((TensorSpec("a", "int8", (2,)), TensorSpec("b", "int8", (3,))))
    two, three = np.zeros(2, np.int8), np.zeros(3, np.int8)
    check({"a": two, "b": three})
    with pytest.raises(InferenceError, match="'a'"):
        check({"a": three, "b": two})


def test_unknown_rank_takes_any_shape():
    check = FeedCheck((TensorSpec("x", "float32", None),))
    for rank in range(4):
        check({"x": np.zeros((2,) * rank, np.float32)})


def test_dtypes_that_the_backend_converts_pass():
    check = FeedCheck((TensorSpec("x", "float32", (1,)),), {"x": ("int8",)})
    check({"x": np.zeros(1, np.int8)})
    with pytest.raises(InferenceError, match="uint8"):
        check({"x": np.zeros(1, np.uint8)})


def test_endless_new_shapes_are_checked_and_not_remembered_for_ever():
    check = FeedCheck((TensorSpec("x", "float32", (None,)),))
    for size in range(500):
        check({"x": np.zeros(size, np.float32)})
    with pytest.raises(InferenceError):
        check({"x": np.zeros((1, 1), np.float32)})


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.array(["a"]), "str"),
        (np.array(["a"], object), "str"),
        (np.zeros(1, np.float16), "float16"),
        (np.zeros(1, bool), "bool"),
    ],
)
def test_dtype_names(array, name):
    assert dtype_name(array) == name


@pytest.mark.parametrize(
    ("shapes", "batch"),
    [([(3, 8)], 3), ([("n", 8)], None), ([(), None, (None, 2), (5,)], 5), ([], None)],
)
def test_fixed_batch(shapes, batch):
    specs = tuple(TensorSpec(str(i), "float32", s) for i, s in enumerate(shapes))
    assert fixed_batch(specs) == batch
