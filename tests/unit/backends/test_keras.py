import json
import zipfile

import numpy as np
import pytest

from harness.backends.keras_ import open_session
from harness.core.errors import ModelLoadError, UnsafeModelError

keras = pytest.importorskip("keras", reason="needs the tensorflow extra")

# Saving is Keras's own affair with numpy 2; what we call for loading is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")


@pytest.fixture
def lambda_model():
    inputs = keras.Input((4,), name="x")
    doubled = keras.layers.Lambda(lambda x: x * 2, name="twice")(inputs)
    return keras.Model(inputs, doubled)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layers_are_refused_by_name(tmp_path, lambda_model, suffix):
    path = tmp_path / f"model{suffix}"
    lambda_model.save(path)
    with pytest.raises(UnsafeModelError, match="'twice' is a Lambda"):
        open_session(path, {})


def test_lambda_hidden_in_a_wrapper_is_refused(tmp_path, lambda_model):
    outer = keras.Sequential([keras.Input((4,)), lambda_model])
    outer.save(tmp_path / "model.keras")
    with pytest.raises(UnsafeModelError, match="'twice'"):
        open_session(tmp_path / "model.keras", {})


def test_several_inputs_and_outputs_go_by_name(tmp_path):
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    scores = keras.layers.Dense(2, name="scores")(left)
    extra = keras.layers.Dense(5, name="extra")(right)
    model = keras.Model({"left": left, "right": right}, {"a": scores, "b": extra})
    model.save(tmp_path / "model.keras")
    session = open_session(tmp_path / "model.keras", {})
    feeds = {
        "right": np.ones((2, 3), np.float32),
        "left": np.full((2, 4), 2, np.float32),
    }
    answers = session.run(feeds, slice(0, 2))
    assert {spec.name for spec in session.inputs} == {"left", "right"}
    kernel = model.get_layer("scores").kernel.numpy()
    np.testing.assert_allclose(answers["scores"], feeds["left"] @ kernel, atol=1e-5)
    assert answers["extra"].shape == (2, 5)


def test_inference_not_training(tmp_path):
    """Dropout and batch norm run as they do in production."""
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dropout(0.9)])
    model.save(tmp_path / "model.keras")
    x = np.ones((3, 4), np.float32)
    answer = open_session(tmp_path / "model.keras", {}).run({"x": x}, slice(0, 3))
    np.testing.assert_array_equal(next(iter(answer.values())), x)


def test_weights_alone_are_no_model(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ModelLoadError, match="weights and no model"):
        open_session(tmp_path / "model.weights.h5", {})


def test_class_of_somebody_elses_module_is_not_imported(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save(tmp_path / "good.keras")
    with (
        zipfile.ZipFile(tmp_path / "good.keras") as good,
        zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad,
    ):
        for name in good.namelist():
            data = good.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1] |= {
                    "module": "os",
                    "class_name": "system",
                    "registered_name": None,
                }
                data = json.dumps(config)
            bad.writestr(name, data)
    with pytest.raises(UnsafeModelError, match=r"bad\.keras.*code of another package"):
        open_session(tmp_path / "bad.keras", {})
