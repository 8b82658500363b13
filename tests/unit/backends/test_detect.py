import os
import zipfile
from io import SEEK_END
from pathlib import Path

import numpy as np
import pytest

from harness.backends.detect import detect, detect_form
from harness.backends.forms.table import FORMS
from harness.backends.table import BACKENDS
from harness.core.errors import ModelLoadError, UnsupportedFormatError

TESTS = Path(__file__).parents[2]
MODELS = TESTS.parent / "golden" / "digits" / "models"
REGRESSED = TESTS.parent / "golden" / "digits-regressed" / "models"
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(40)
LITERT = b"\x1c\0\0\0TFL3" + bytes(40)
ONNX = b"\x08\x09\x3a\x02\x0a\x00"
GRAPH = b"\x0a\x09\x0a\x01n\x12\x04Relu"


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def zipped(folder, name, *entries):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for entry in entries:
            archive.writestr(entry, "x")
    return folder / name


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("digits.keras", "keras"),
        ("savedmodel", "tensorflow"),
        ("frozen.pb", "tensorflow"),
        ("digits.tflite", "litert"),
        ("digits-int8.tflite", "litert"),
        ("digits.onnx", "onnxruntime"),
        ("digits-optimized.onnx", "onnxruntime"),
        ("digits-int8-static.onnx", "onnxruntime"),
        ("savedmodel/variables/variables.index", "tensorflow"),
        ("savedmodel/variables/variables", "tensorflow"),
    ],
)
def test_committed_models(name, backend):
    assert detect(MODELS / name) == backend


def test_all_regressed_models_are_onnx():
    found = {detect_form(path).name for path in REGRESSED.glob("*.onnx")}
    assert found == {"onnx"}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("oneflow/snapshot", "oneflow"),
        ("oneflow/truth.npz", "npz"),
        ("darknet/digits.cfg", "darknet"),
        ("darknet/digits.weights", "darknet-weights"),
        ("coreml/dense.mlmodel", "coreml"),
        ("coreml/dense.mlpackage", "coreml-package"),
    ],
)
def test_fixtures_of_real_tools(path, form):
    assert detect_form(TESTS / "fixtures" / path).name == form


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("m.h5", HDF5, "hdf5"),
        ("m.ort", b"\x28\0\0\0ORTM" + bytes(40), "ort"),
        ("m.onnx", ONNX, "onnx"),
        # Fields in an unusual order, the graph first.
        ("m.onnx", b"\x3a\x02\x0a\x00\x08\x09", "onnx"),
        ("model", LITERT, "litert"),
        ("MODEL.TFLITE", LITERT, "litert"),
        ("m.pb", GRAPH, "graphdef"),
        ("m.pbtxt", b'node {\n  name: "x"\n  op: "Placeholder"\n}\n', "graphdef-text"),
        ("m.meta", b"\x0a\x04\x12\x02\x0a\x00\x12\x0b" + GRAPH, "metagraph"),
        ("m.prototxt", b'name: "n"\nlayer {\n  type: "ReLU"\n}\n', "caffe"),
        ("m.prototxt", b'layer { name: "r" type: "ReLU" bottom: "x" }\n', "caffe"),
        ("m.prototxt", b'name: "n" layer { top: "y" }', "caffe"),
        ("m.prototxt", b'input: "x" input_shape { dim: 1 }', "caffe"),
        ("m.caffemodel", b"\x0a\x01n\xa2\x06\x03\x0a\x01c", "caffemodel"),
        ("m.caffemodel", b"\x0a\x01n\x12\x03\x12\x01a", "caffemodel"),
        ("m.mlmodel", b"\x08\x01\x12\x02\x0a\x00\xa2\x1f\x02\x0a\x00", "coreml"),
        ("m.cfg", b"# a network\n[net]\nbatch=1\n[connected]\n", "darknet"),
        ("m.weights", b"\0\0\0\0\x02\0\0\0\0\0\0\0" + bytes(12), "darknet-weights"),
        ("m.xml", b'<?xml version="1.0"?>\n<!-- c --><net name="n">', "openvino"),
        ("m.safetensors", b"\x02" + bytes(7) + b"{}", "safetensors"),
        ("m.wts", b"2\nconv.weight 2 3f800000 0\nconv.bias 0\n", "tensorrt-weights"),
        ("m.engine", b"ftrt" + bytes(60), "tensorrt-engine"),
        ("m.json", b'{"class_name": "Sequential", "config": {}}', "keras-json"),
        ("m.pkl", b"\x80\x04\x95\x01\0\0\0\0\0\0\0N.", "pickle"),
        ("m.pth", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "state-dict-old"),
        ("m.gguf", b"GGUF\x03\0\0\0", "gguf"),
        ("m.pte", b"\x30\0\0\0ET12" + bytes(9), "executorch"),
    ],
)
def test_bytes_of_each_form(tmp_path, name, data, form):
    assert detect_form(put(tmp_path, name, data)).name == form


@pytest.mark.parametrize(
    ("name", "entries", "form"),
    [
        ("m.keras", ("metadata.json", "config.json", "model.weights.h5"), "keras"),
        (
            "m.pt",
            ("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"),
            "torchscript",
        ),
        ("m.pt2", ("m/models/model.json", "m/archive_format"), "exported-program"),
        ("m.pth", ("m/data.pkl", "m/data/0", "m/version"), "state-dict"),
        ("m.skops", ("schema.json", "1.npy"), "skops"),
        ("m.npz", ("a.npy", "b.npy"), "npz"),
    ],
)
def test_entries_of_each_archive(tmp_path, name, entries, form):
    assert detect_form(zipped(tmp_path, name, *entries)).name == form


def test_checkpoints_by_any_of_their_names(tmp_path):
    index = (MODELS / "savedmodel" / "variables" / "variables.index").read_bytes()
    put(tmp_path, "m.ckpt-10.index", index)
    put(tmp_path, "m.ckpt-10.data-00000-of-00001", b"\1\2")
    put(tmp_path, "checkpoint", b'model_checkpoint_path: "m.ckpt-10"')
    for path in (tmp_path, tmp_path / "m.ckpt-10", tmp_path / "m.ckpt-10.index"):
        assert detect(path) == "tensorflow"
    with pytest.raises(UnsupportedFormatError, match="one data file") as caught:
        detect(tmp_path / "m.ckpt-10.data-00000-of-00001")
    assert "name the checkpoint" in caught.value.hint


def test_recordings(tmp_path):
    np.savez(tmp_path / "outputs.npz", y=np.ones(3))
    np.save(tmp_path / "outputs.npy", np.ones(3))
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "recording.json").write_text("{}")
    for name in ("outputs.npz", "outputs.npy", "recorded"):
        assert detect(tmp_path / name) == "replay"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("m.onnx", LITERT, (".onnx of an ONNX model", "a LiteRT model")),
        ("m.tflite", ONNX, (".tflite", "an ONNX model")),
        ("m.keras", GRAPH, (".keras", "a frozen GraphDef")),
        ("m.onnx", HDF5, (".onnx", "an HDF5 file")),
        ("m.pb", ONNX, (".pb", "an ONNX model")),
        ("m.onnx", b"<net name='n'>", (".onnx", "an OpenVINO model")),
        (
            "m.prototxt",
            b'node {\n op: "Relu"\n}\n',
            (".prototxt", "a GraphDef as text"),
        ),
        ("m.pbtxt", b'layer {\n type: "ReLU"\n}\n', (".pbtxt", "a Caffe network")),
    ],
)
def test_suffix_and_bytes_that_disagree_are_both_told(tmp_path, name, data, says):
    with pytest.raises(UnsupportedFormatError) as caught:
        detect(put(tmp_path, name, data))
    assert all(word in caught.value.message for word in says)
    assert "backend =" in caught.value.hint


def test_what_only_looks_like_a_model_that_no_backend_runs(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="those of a GGUF model") as caught:
        detect(put(tmp_path, "m.onnx", b"GGUF\x03\0\0\0"))
    assert "backend" not in caught.value.hint


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("m.onnx", b"", "empty"),
        ("m.onnx", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("m.onnx", b"\xff" * 64, r"\.onnx of an ONNX model, and .* of no form"),
        ("m.txt", b"\nHello, this is text.\n", r"\.txt.*no form"),
        ("model", b"\0" * 64, "no suffix"),
        ("m.keras", b"PK\x03\x04" + bytes(60), "zip archive that was cut short"),
        ("saved_model.pb", b"\x08\x01\x12\x02\x0a\x00", "one file of a SavedModel"),
        ("m.engine", b"ftrt" + bytes(60), "a TensorRT engine, which no backend runs"),
        ("m.mlmodel", b"\x08\x01\x12\x02\x0a\x00\xa2\x1f\x02\x0a\x00", "Core ML model"),
    ],
)
def test_what_no_backend_runs(tmp_path, name, data, match):
    with pytest.raises(UnsupportedFormatError, match=match) as caught:
        detect(put(tmp_path, name, data))
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_weights_of_openvino_lead_to_their_model(tmp_path):
    put(tmp_path, "m.xml", b"<net name='n'>")
    with pytest.raises(UnsupportedFormatError, match="weights of an Open") as caught:
        detect(put(tmp_path, "m.bin", bytes(64)))
    assert str(tmp_path / "m.xml") in caught.value.hint


def test_zip_of_something_else(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="no form"):
        detect(zipped(tmp_path, "model.zip", "letter.txt"))


def test_folder_of_something_else(tmp_path):
    put(tmp_path, "weights.bin", b"x")
    with pytest.raises(UnsupportedFormatError, match=r"neither.*weights\.bin"):
        detect(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(UnsupportedFormatError, match="neither a file nor a folder"):
        detect(tmp_path / "m.onnx")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelLoadError, match=r"nowhere\.onnx"):
        detect(tmp_path / "nowhere.onnx")


def test_long_fields_are_skipped_not_read(tmp_path):
    """Were 5 GiB read, this would take seconds; the hole costs no disk."""
    length = 5 << 30
    varint = bytes([0x80 | (length >> shift) & 0x7F for shift in range(0, 28, 7)])
    path = put(tmp_path, "m.onnx", b"\x08\x09\x12" + varint + bytes([length >> 28]))
    with path.open("r+b") as stream:
        stream.seek(length, SEEK_END)
        stream.write(b"\x3a\x02\x0a\x00")
    assert detect(path) == "onnxruntime"


def test_forms_are_told_apart_by_name_and_run_or_say_why_not():
    names = [form.name for form in FORMS]
    assert len(set(names)) == len(names)
    assert [form.evidence for form in FORMS] == sorted(f.evidence for f in FORMS)
    for form in FORMS:
        assert form.backend in BACKENDS or (form.backend is None and form.reason)
        assert all(s == s.lower() and s[0] == "." for s in form.suffixes)
