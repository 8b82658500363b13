import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ModelLoadError

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"


@pytest.mark.parametrize("name", ["saved", "saved-names"])
def test_variables_are_what_tensorflow_reads(tensorflow, read_form, name):
    truth = tensorflow.of(
        "saved/variables/variables" if name == "saved" else "names/model-3"
    )
    found = read_form("savedmodel", tensorflow.folder / name)
    for key, weight in found.items():
        np.testing.assert_array_equal(weight.load(), truth[key])


def test_what_keras_stores_twice_is_given_once(tensorflow, read_form):
    found = read_form("savedmodel", tensorflow.folder / "saved")
    truth = tensorflow.of("keras")
    floats = [v for v in truth.values() if v.dtype == np.float32]
    assert len(found) == 17
    assert sorted(w.load().tobytes() for w in found.values()) == sorted(
        v.tobytes() for v in floats
    )


def test_operators_are_seen_through_functions_and_loops(tensorflow, read_form):
    found = read_form("savedmodel", tensorflow.folder / "saved")
    uses = {(w.role, w.op_type, w.layout) for w in found.values()}
    assert uses >= {
        ("kernel", "Conv2D", "HWIO"),
        ("kernel", "Conv2D", "WIO"),
        ("kernel", "Conv2DBackpropInput", "HWOI"),
        ("depthwise_kernel", "DepthwiseConv2dNative", "HWIM"),
        ("running_variance", "AddV2", "O"),
        ("gate_recurrent_kernel", "MatMul", "IG"),
        ("gate_bias", "BiasAdd", "G"),
    }


def test_the_digits_network(read_form):
    found = read_form("savedmodel", MODELS / "savedmodel")
    frozen = read_form("graphdef", MODELS / "frozen.pb")
    uses = {(w.node, w.role, w.layout): w for w in found.values()}
    assert uses.keys() == {(w.node, w.role, w.layout) for w in frozen.values()}
    assert len(uses) == len(found) == 10
    for weight in frozen.values():
        other = uses[weight.node, weight.role, weight.layout]
        np.testing.assert_array_equal(weight.load(), other.load())


@pytest.fixture
def saved(tensorflow, tmp_path):
    return Path(shutil.copytree(tensorflow.folder / "saved", tmp_path / "saved"))


def test_a_missing_or_short_part_is_an_error(saved, read_form):
    data = saved / "variables" / "variables.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:-100])
    with pytest.raises(ModelLoadError, match="saved is no whole SavedModel"):
        read_form("savedmodel", saved)
    data.unlink()
    with pytest.raises(ModelLoadError, match="is not there"):
        read_form("savedmodel", saved)
    (saved / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelLoadError, match="holds no graph"):
        read_form("savedmodel", saved)


def test_a_model_saved_as_text_is_refused(saved, read_form):
    (saved / "saved_model.pb").rename(saved / "saved_model.pbtxt")
    with pytest.raises(ModelLoadError, match="saved as text"):
        read_form("savedmodel", saved)


def test_constants_alone_are_weights_too(saved, read_form):
    shutil.rmtree(saved / "variables")
    found = read_form("savedmodel", saved)
    assert all(w.role == "constant" for w in found.values())
