import copy
import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

ONEFLOW = Path(__file__).parents[2] / "fixtures" / "oneflow"


def test_arrays_by_their_headers(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((2, 3), np.float16), name=np.array(["a", "b"]))
    found = inspect_model(path, "npz")
    assert found.outputs == (
        TensorSpec("x", "float16", (2, 3)),
        TensorSpec("name", "str", (2,)),
    )
    assert found.bytes_by_dtype == {"float16": 12}
    np.save(tmp_path / "y.npy", np.zeros(4, np.int8))
    (spec,) = inspect_model(tmp_path / "y.npy", "npy").outputs
    assert spec == TensorSpec("y", "int8", (4,))


def test_objects_among_arrays_are_told_and_not_loaded(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, odd=np.array([{}, None], dtype=object))
    assert "odd holds Python objects" in inspect_model(path, "npz").safety[0]


def test_a_damaged_header_is_an_error(archive, tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    damaged = stream.getvalue().replace(b"shape", b"shapf")
    with pytest.raises(ModelLoadError, match="header of 'x'"):
        inspect_model(archive("a.npz", x__npy=damaged), "npz")


def test_a_recording(tmp_path):
    text = json.dumps({"schema_version": 1, "outputs": []})
    (tmp_path / "recording.json").write_text(text)
    assert inspect_model(tmp_path, "recording").metadata == {"schema_version": "1"}


@pytest.fixture
def skops_file(tmp_path):
    def make(*steps):
        model = make_pipeline(*steps)
        model.fit(np.arange(20.0).reshape(10, 2), np.arange(10) % 2)
        skops.io.dump(model, tmp_path / "m.skops")
        return inspect_model(tmp_path / "m.skops", "skops")

    return make


def test_estimators_of_skops(skops_file):
    found = skops_file(StandardScaler(), LogisticRegression())
    expected = {"LogisticRegression": 1, "Pipeline": 1, "StandardScaler": 1}
    assert found.operators == expected
    assert found.producer.startswith("skops 0.")
    assert found.safety == ()


def test_types_that_skops_does_not_trust_are_told(skops_file):
    found = skops_file(FunctionTransformer(copy.copy), LogisticRegression())
    assert any("copy" in line for line in found.safety)
    assert any("looked up by name" in line for line in found.safety)


def test_the_real_oneflow_snapshot(tmp_path):
    found = inspect_model(ONEFLOW / "snapshot", "oneflow")
    with np.load(ONEFLOW / "truth.npz") as truth:
        floats = [truth[name] for name in truth if truth[name].dtype == np.float32]
    assert found.n_parameters == sum(array.size for array in floats)
    assert found.safety == ()
    other = Path(shutil.copytree(ONEFLOW / "snapshot", tmp_path / "copy"))
    (other / "snapshot_done").unlink()
    assert "not finished" in inspect_model(other, "oneflow").safety[0]
    (other / "0.bias" / "out").write_bytes(bytes(12))
    with pytest.raises(ModelLoadError, match=r"0\.bias has 12 bytes.*takes 16"):
        inspect_model(other, "oneflow")


def test_a_weight_dump(tmp_path):
    path = tmp_path / "m.wts"
    path.write_text("2\nconv.weight 3 3f800000 0 bf800000\nconv.bias 1 0\n")
    found = inspect_model(path, "tensorrt-weights")
    assert found.n_parameters == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x\n", "no count"),
        ("2\na 1 0\n", "tells of 2 tensors and has 1"),
        ("1\na 2 0\n", "line 2 tells of 2 numbers and has 1"),
        ("1\na b\n", "line 2 is no name"),
    ],
)
def test_a_damaged_weight_dump_is_an_error(tmp_path, text, says):
    path = tmp_path / "m.wts"
    path.write_text(text)
    with pytest.raises(ModelLoadError, match=says):
        inspect_model(path, "tensorrt-weights")


def test_an_engine_tells_nothing(tmp_path):
    path = tmp_path / "m.engine"
    path.write_bytes(b"ftrt")
    assert "one GPU" in inspect_model(path, "tensorrt-engine").not_read[0]


def test_a_pickle_of_scikit_learn_is_told(tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(StandardScaler()))
    found = inspect_model(path, "pickle")
    assert "sklearn.preprocessing._data.StandardScaler" in found.safety[1]
