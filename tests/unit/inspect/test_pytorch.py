import io
import json
import pickle
import zipfile

import pytest

from harness.core.errors import ModelLoadError
from harness.inspection import inspect_model

# Conv2d(1, 4, 3), BatchNorm2d(4), Linear(144, 10); the batch norm's counter apart.
N_PARAMETERS = 36 + 4 + 16 + 1440 + 10


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("state.pth", "state-dict"),
        ("old.pth", "state-dict-old"),
        ("whole.pt", "state-dict"),
        ("traced.pt", "torchscript"),
        ("program.pt2", "exported-program"),
        ("state.safetensors", "safetensors"),
    ],
)
def test_each_form_tells_the_same_weights(torch_files, name, form):
    found = inspect_model(torch_files / name, form)
    assert found.n_parameters == N_PARAMETERS
    assert found.bytes_by_dtype == {"float32": 4 * N_PARAMETERS, "int64": 8}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("state.pth", "state-dict"),
        ("old.pth", "state-dict-old"),
        ("traced.pt", "torchscript"),
        ("program.pt2", "exported-program"),
        ("state.safetensors", "safetensors"),
    ],
)
def test_what_is_plain_raises_no_note(torch_files, name, form):
    assert inspect_model(torch_files / name, form).safety == ()


def test_a_whole_model_names_the_classes_that_it_would_import(torch_files):
    found = inspect_model(torch_files / "whole.pt", "state-dict")
    assert "data.pkl imports torch.nn.modules.activation.ReLU" in found.safety[0]
    assert "whose code is not in the file" in found.not_read[1]


def test_torchscript_tells_operators_from_its_code(torch_files):
    found = inspect_model(torch_files / "traced.pt", "torchscript")
    expected = {"_convolution", "batch_norm", "flatten", "linear", "relu"}
    assert expected <= set(found.operators)
    assert [spec.dtype for spec in (*found.inputs, *found.outputs)] == ["Tensor"] * 2
    assert found.metadata["code"].endswith("files")
    assert "batch_norm" in found.portability[0]


def test_custom_operators_of_torchscript_are_told(torch_files, tmp_path):
    path = tmp_path / "m.pt"
    with (
        zipfile.ZipFile(torch_files / "traced.pt") as source,
        zipfile.ZipFile(path, "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("code/__torch__/torch/nn/modules/activation.py"):
                data = data.replace(b"torch.relu(", b"ops.mylib.relu(")
            target.writestr(name, data)
    found = inspect_model(path, "torchscript")
    assert found.operators["mylib::relu"] == 1
    assert "custom operators of mylib (relu)" in found.safety[0]


def test_an_exported_program_tells_its_graph(torch_files):
    found = inspect_model(torch_files / "program.pt2", "exported-program")
    (fed,), (answered,) = found.inputs, found.outputs
    assert (fed.name, fed.dtype, fed.shape[1:]) == ("input", "float32", (1, 8, 8))
    # The free length has the same name on both sides.
    assert isinstance(fed.shape[0], str)
    assert answered.shape == (fed.shape[0], 10)
    assert found.operators["conv2d"] == 1
    assert found.producer.startswith("torch 2.")


def test_custom_operators_of_an_exported_program_are_told(torch_files, tmp_path):
    path = tmp_path / "m.pt2"
    with (
        zipfile.ZipFile(torch_files / "program.pt2") as source,
        zipfile.ZipFile(path, "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("model.json"):
                data = data.replace(b"ops.aten.relu.default", b"ops.mine.relu.default")
            if name.endswith("sample_inputs/model.pt"):
                data = nested_bomb()
            target.writestr(name, data)
    found = inspect_model(path, "exported-program")
    assert "torch.ops.mine.relu.default" in found.safety[0]
    assert "sample_inputs/model.pt imports _pytest.outcomes" in found.safety[1]
    assert found.operators["mine::relu"] == 1


def nested_bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as inner:
        inner.writestr("a/data.pkl", pickle.dumps(Bomb()))
    return stream.getvalue()


def test_pickles_are_told_and_not_loaded(archive):
    path = archive("m.pt", data__pkl=pickle.dumps({"weight": Bomb()}))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("m/data.pkl", pickle.dumps({"weight": Bomb()}))
    found = inspect_model(path, "state-dict")
    assert "data.pkl imports _pytest.outcomes" in found.safety[0]


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("{", "no JSON"),
        ({}, "no schema that is known"),
        ([], "no schema that is known"),
        ({"graph_module": {"graph": None}}, "no schema that is known"),
    ],
)
def test_a_damaged_graph_is_an_error(tmp_path, program, says):
    path = tmp_path / "m.pt2"
    text = program if isinstance(program, str) else json.dumps(program)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/models/model.json", text)
    with pytest.raises(ModelLoadError, match=says):
        inspect_model(path, "exported-program")


def safetensors(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize(
    ("header", "data", "says"),
    [
        (
            {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
            b"",
            "tells of",
        ),
        ({"w": {"dtype": "F32", "shape": [2]}}, bytes(8), "'w' lacks a part"),
        ({"w": 1}, b"", "'w' lacks a part"),
        (b"{]", b"", "no JSON"),
        (b"[]", b"", "no JSON object"),
    ],
)
def test_damaged_safetensors_are_errors(tmp_path, header, data, says):
    path = safetensors(tmp_path / "m.safetensors", header, data)
    with pytest.raises(ModelLoadError, match=says):
        inspect_model(path, "safetensors")


def test_metadata_and_narrow_types_of_safetensors(tmp_path):
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
    }
    path = safetensors(tmp_path / "m.safetensors", header, bytes(8))
    found = inspect_model(path, "safetensors")
    assert found.metadata == {"format": "pt"}
    assert found.bytes_by_dtype == {"bfloat16": 8}
