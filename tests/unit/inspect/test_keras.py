from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec
from harness.formats.keras_config import layers
from harness.inspection import inspect_model

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"


def config_of(*entries):
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "config": {"name": "m", "layers": list(entries)},
    }


def layer(kind, name, module="keras.layers", registered_name=None, **config):
    return {
        "module": module,
        "class_name": kind,
        "registered_name": registered_name,
        "config": {"name": name, **config},
    }


def test_the_digits_archive():
    found = inspect_model(MODELS / "digits.keras", "keras")
    assert found.format == "Keras archive"
    assert found.producer.startswith("keras 3.")
    assert found.inputs == (TensorSpec("image", "float32", (None, 8, 8, 1)),)
    assert [spec.name for spec in found.outputs] == ["probabilities"]
    assert found.operators["Conv2D"] == 2
    # As many as the SavedModel and the frozen graph of the same model have.
    assert found.n_parameters == 7554
    assert found.bytes_by_dtype == {"float32": 4 * 7554}
    assert found.safety == ()
    assert "epsilon" in found.portability[0]


def test_an_hdf5_model_tells_the_same(tmp_path, archive):
    config = config_of(
        layer("InputLayer", "x", batch_shape=[None, 4], dtype="float32"),
        layer("Dense", "d"),
    )
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        import json

        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file["model_weights/d/kernel"] = np.zeros((4, 3), np.float32)
        file["optimizer_weights/momentum"] = np.zeros((4, 3), np.float32)
    found = inspect_model(path, "hdf5")
    same = inspect_model(archive("m.keras", config__json=config), "keras")
    assert found.producer == "keras 2.15.0"
    assert found.inputs == same.inputs == (TensorSpec("x", "float32", (None, 4)),)
    assert found.operators == same.operators
    assert found.n_parameters == 12


def test_weights_alone_and_a_configuration_alone_say_what_is_missing(tmp_path):
    weights = tmp_path / "w.h5"
    with h5py.File(weights, "w") as file:
        file["layers/d/vars/0"] = np.zeros((2, 2), np.float16)
    found = inspect_model(weights, "hdf5")
    assert (found.n_parameters, found.bytes_by_dtype) == (4, {"float16": 8})
    assert "weights only" in found.not_read[0]
    text = tmp_path / "m.json"
    text.write_text('{"class_name": "Sequential", "config": {"layers": []}}')
    assert "file of their own" in inspect_model(text, "keras-json").not_read[-1]


def test_links_and_values_in_other_files_are_told_and_not_followed(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.zeros(100)
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "/secret")
        file["soft"] = h5py.SoftLink("/link")
        file["again"] = file.create_group("group")
        file["group/circle"] = file["group"]
        layout = h5py.VirtualLayout((100,), np.float64)
        layout[:] = h5py.VirtualSource(str(other), "secret", (100,))
        file.create_virtual_dataset("virtual", layout)
        raw = [("/etc/passwd", 0, 80)]
        file.create_dataset("outside", (10,), np.float64, external=raw)
    found = inspect_model(path, "hdf5")
    told = "\n".join(found.safety)
    assert "/link links into the file 'other.h5'" in told
    assert "/virtual is put together from other files" in told
    assert "/outside keeps its values in the file '/etc/passwd'" in told


def test_without_h5py_the_rest_is_read(monkeypatch):
    monkeypatch.setattr("harness.formats.hdf5.find_spec", lambda _: None)
    found = inspect_model(MODELS / "digits.keras", "keras")
    assert found.operators
    assert found.n_parameters is None
    assert "h5py is not installed" in found.not_read[-1]


def test_layers_of_models_inside_of_models():
    inner = layer("Sequential", "s", layers=[layer("Dense", "d2")])
    wrapped = layer("TimeDistributed", "t", layer=layer("Dense", "d3"))
    found = layers(config_of(layer("Dense", "d1"), inner, wrapped))
    kinds = sorted(entry["class_name"] for entry in found)
    assert kinds == ["Dense", "Dense", "Dense", "Sequential", "TimeDistributed"]


@pytest.mark.parametrize(
    ("odd", "note"),
    [
        (layer("Lambda", "twice"), "Lambda layer 'twice' runs Python code of its own"),
        (
            layer("Mine", "m", module="evil.layers"),
            "Mine 'm' is code of the package evil",
        ),
        (
            layer("Mine", "m", module=None, registered_name="my>Mine"),
            "my>Mine 'm' is a custom class",
        ),
        (
            layer("Dense", "d", activation={"class_name": "__lambda__", "config": {}}),
            "a function is stored as Python bytecode, run when it is loaded",
        ),
        (
            layer(
                "Dense",
                "d",
                activation={
                    "class_name": "function",
                    "module": "keras.utils",
                    "config": "get_file",
                },
            ),
            "the function 'get_file' is called by its name",
        ),
    ],
)
def test_code_in_an_archive_is_told(archive, odd, note):
    path = archive("m.keras", config__json=config_of(odd))
    assert inspect_model(path, "keras").safety == (note,)


@pytest.mark.parametrize("config", ["{", '"\\ud800'])
def test_a_damaged_configuration_is_an_error(archive, config):
    with pytest.raises(ModelLoadError, match=r"config\.json is no JSON"):
        inspect_model(archive("m.keras", config__json=config), "keras")


@pytest.mark.parametrize(
    "config",
    [
        *(1, [], {"config": 1}, {"config": {"layers": 1}}, {"config": {"layers": [1]}}),
        {"config": {"output_layers": [[1]], "layers": [{"class_name": 1}]}},
    ],
)
def test_a_configuration_of_odd_shape_is_no_crash(archive, config):
    found = inspect_model(archive("m.keras", config__json=config), "keras")
    assert found.inputs == ()


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"config":' * 900 + "{}" + "}" * 900])
def test_a_configuration_nested_deep_is_not_read(archive, deep):
    with pytest.raises(UnsafeModelError, match="nested more than 200 deep"):
        inspect_model(archive("m.keras", config__json=deep), "keras")


def test_an_archive_cut_short_is_an_error(archive):
    path = archive("m.keras", config__json=config_of())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ModelLoadError, match="cut short"):
        inspect_model(path, "keras")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.abort()", r"crashed \(SIGABRT\)"),
        ("raise SystemExit(3)", "ended with the code 3"),
        ("import time; time.sleep(60)", "not read within 1 s"),
    ],
)
def test_the_reader_may_crash_or_hang(tmp_path, monkeypatch, code, says):
    monkeypatch.setattr("harness.formats.hdf5._CHILD", ("-c", code))
    monkeypatch.setattr("harness.formats.hdf5._PATIENCE", 1.0)
    path = tmp_path / "m.h5"
    path.write_bytes(b"")
    with pytest.raises(ModelLoadError, match=says):
        inspect_model(path, "hdf5")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(90), b"dear"])
def test_hdf5_that_is_none_is_an_error(tmp_path, content):
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match="HDF5 cannot be read"):
        inspect_model(path, "hdf5")
