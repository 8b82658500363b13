"""Keras' forms: the digits CNN in each, and odd interfaces."""

from types import MappingProxyType

import numpy as np
import pytest

from harness.backends.detect import detect
from harness.backends.keras_ import open_session
from harness.testing import LiveBackendContract

pytest.importorskip("keras", reason="needs the tensorflow extra")

# Saving is Keras's own affair with numpy 2; what we call for loading is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")
FORMS = ("keras", "h5", "json")


class TestJson(LiveBackendContract):
    backend = "keras"
    options = MappingProxyType({})

    @pytest.fixture
    def model(self, forms):
        return forms / "digits.json"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits.keras", {}),
        ("whole.h5", {}),
        ("digits.json", {}),
        ("digits.json", {"weights": "digits.weights.h5"}),
        ("digits.json", {"weights": "whole.h5"}),
    ],
)
def test_digits(forms, name, options, golden_images, recorded):
    assert detect(forms / name) == "keras"
    session = open_session(forms / name, options)
    (found,) = session.run({"image": golden_images}, slice(0, 360)).values()
    np.testing.assert_allclose(found, recorded, rtol=0, atol=2e-6)


def test_weights_are_recorded(forms):
    runtime = open_session(forms / "digits.json", {}).runtime
    assert runtime["weights"] == "digits.weights.h5"
    assert len(runtime["weights_sha256"]) == 64


@pytest.mark.parametrize("form", FORMS)
def test_outputs_of_equal_shape_go_by_name(keras, save, tmp_path, form):
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    total = keras.layers.Add(name="total")([left, right])
    difference = keras.layers.Subtract(name="difference")([left, right])
    model = keras.Model([right, left], [total, difference])
    session = open_session(save(model, tmp_path, form), {})
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    answers = session.run({"left": x[0], "right": x[1]}, slice(0, 4))
    assert list(answers) == ["total", "difference"]
    np.testing.assert_array_equal(answers["total"], x[0] + x[1])
    np.testing.assert_array_equal(answers["difference"], x[0] - x[1])


@pytest.mark.parametrize("form", FORMS)
def test_state_goes_in_and_comes_out(keras, save, tmp_path, form):
    keras.utils.set_random_seed(0)
    frames = keras.Input((None, 3), name="frames")
    hidden, cell = keras.Input((4,), name="hidden"), keras.Input((4,), name="cell")
    layer = keras.layers.LSTM(4, return_state=True, name="lstm")
    model = keras.Model(
        [frames, hidden, cell], layer(frames, initial_state=[hidden, cell])
    )
    session = open_session(save(model, tmp_path, form), {})
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    zero = np.zeros((2, 4), np.float32)
    whole = run_state(session, x, zero, zero)
    state = [zero, zero]
    for step in range(5):
        answer, *state = run_state(session, x[:, step : step + 1], *state)
    np.testing.assert_allclose(answer, whole[0], atol=2e-6)
    np.testing.assert_allclose(state, whole[1:], atol=2e-6)


def run_state(session, frames, hidden, cell):
    feeds = {"frames": frames, "hidden": hidden, "cell": cell}
    answers = session.run(feeds, slice(0, len(frames)))
    assert len(answers) == 3
    return list(answers.values())


def test_fixed_batch_and_free_sizes(keras, save, tmp_path):
    image = keras.Input(batch_shape=(4, None, 3), name="image")
    model = keras.Model(image, keras.layers.GlobalMaxPooling1D(name="top")(image))
    session = open_session(save(model, tmp_path, "keras"), {})
    assert session.batch_size == 4
    for length in (1, 5):
        x = np.random.default_rng(0).random((4, length, 3)).astype(np.float32)
        answer = session.run({"image": x}, slice(0, 4))["top"]
        np.testing.assert_array_equal(answer, x.max(axis=1))


def test_scalar_output(keras, save, tmp_path):
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.ops.mean(x))
    session = open_session(save(model, tmp_path, "keras"), {})
    assert session.outputs[0].shape == ()
    (answer,) = session.run({"x": np.full((2, 3), 5, np.float32)}, slice(0, 2)).values()
    assert answer == 5


def test_texts(keras, save, tmp_path):
    word = keras.Input((1,), name="word", dtype="string")
    places = keras.layers.StringLookup(vocabulary=["no", "yes"], name="place")
    model = keras.Model(word, places(word))
    session = open_session(save(model, tmp_path, "keras"), {})
    assert session.inputs[0].dtype == "str"
    words = np.array([["yes"], ["no"], ["perhaps"]])
    answer = session.run({"word": words}, slice(0, 3))["place"]
    np.testing.assert_array_equal(answer, [[2], [1], [0]])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_lambda_runs_where_the_suite_names_it(
    save, with_lambda, tmp_path, form, nested
):
    model = with_lambda(nested=nested)
    path = save(model, tmp_path, form)
    session = open_session(path, {"allow_lambda": ["twice"]})
    x = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    (answer,) = session.run({session.inputs[0].name: x}, slice(0, 3)).values()
    np.testing.assert_allclose(answer, model(x), atol=2e-6)
    assert session.runtime["allow_lambda"] == "twice"
