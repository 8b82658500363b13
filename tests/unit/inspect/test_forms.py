import json
import pickle
import zipfile

import pytest

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.inspection import inspect_model


def keras_config(*layers):
    return json.dumps(
        {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "registered_name": "Functional",
            "config": {"name": "m", "layers": list(layers)},
        }
    )


def layer(kind, name, module="keras.layers", registered_name=None, **config):
    return {
        "module": module,
        "class_name": kind,
        "registered_name": registered_name,
        "config": {"name": name, **config},
    }


@pytest.fixture
def archive(tmp_path):
    def make(name, **members):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as file:
            for member, content in members.items():
                file.writestr(member.replace("__", "."), content)
        return path

    return make


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("m.tflite", b"\x20\x00\x00\x00TFL3" + bytes(8), "TFLite"),
        ("m.ort", b"\x20\x00\x00\x00ORTM" + bytes(8), "ORT"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(8), "HDF5"),
        ("m.pb", b"\x0a\x04\x0a\x02hi", "GraphDef"),
        ("no-suffix", b"\x20\x00\x00\x00TFL3" + bytes(8), "TFLite"),
    ],
)
def test_other_forms_are_named_and_say_what_is_not_read(tmp_path, name, content, form):
    path = tmp_path / name
    path.write_bytes(content)
    found = inspect_model(path)
    assert found.format == form
    assert found.size_bytes == len(content)
    assert len(found.sha256) == 64
    assert "weights" in found.not_read[0]
    assert found.n_parameters is None


def test_savedmodel_folder(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"1234")
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "v.data").write_bytes(b"123456")
    found = inspect_model(tmp_path)
    assert (found.format, found.size_bytes) == ("SavedModel", 10)


def test_layers_of_a_keras_archive(archive):
    inner = layer("Sequential", "s", layers=[layer("Dense", "d2")])
    wrapped = layer("TimeDistributed", "t", layer=layer("Dense", "d3"))
    config = keras_config(layer("Dense", "d1"), inner, wrapped)
    found = inspect_model(
        archive("m.keras", config__json=config, metadata__json='{"keras_version": "3"}')
    )
    assert found.format == "Keras archive"
    assert found.producer == "keras 3"
    assert found.operators == {"Dense": 3, "Sequential": 1, "TimeDistributed": 1}
    assert found.safety == ()
    assert found.not_read


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
    ],
)
def test_code_in_a_keras_archive_is_told(archive, odd, note):
    found = inspect_model(archive("m.keras", config__json=keras_config(odd)))
    assert found.safety == (note,)


def test_pickles_are_told_and_not_loaded(archive, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    bomb = pickle.dumps(Bomb())
    torch = inspect_model(archive("m.pt", data__pkl=bomb))
    assert torch.format == "PyTorch archive"
    old = tmp_path / "old.pth"
    old.write_bytes(bomb)
    for found in (torch, inspect_model(old)):
        assert "pickle" in found.safety[0]


@pytest.mark.parametrize("config", ["{", "[" * 100_000, '"\\ud800'])
def test_a_damaged_configuration_is_an_error(archive, config):
    with pytest.raises(ModelLoadError, match="configuration that cannot be read"):
        inspect_model(archive("m.keras", config__json=config))


def test_an_archive_cut_short_is_an_error(archive):
    path = archive("m.keras", config__json=keras_config())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ModelLoadError, match="damaged archive"):
        inspect_model(path)


def test_an_archive_of_something_else(archive):
    with pytest.raises(UnsupportedFormatError, match=r"it holds letter\.txt"):
        inspect_model(archive("m.zip", letter__txt="dear"))


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("m.tflite", b"PK\x03\x04", ModelLoadError, "another form: archive"),
        ("m.keras", b"nothing", ModelLoadError, "first bytes"),
        ("m.tflite", b"", ModelLoadError, "first bytes"),
        ("m.txt", b"dear", UnsupportedFormatError, "no form"),
    ],
)
def test_other_files_are_errors(tmp_path, name, content, error, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=says) as raised:
        inspect_model(path)
    assert raised.value.hint


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ModelLoadError, match="No such file"):
        inspect_model(tmp_path / "no.onnx")


def test_a_folder_of_something_else_is_an_error(tmp_path):
    with pytest.raises(UnsupportedFormatError, match=r"without saved_model\.pb"):
        inspect_model(tmp_path)
