import zipfile
from io import SEEK_END
from pathlib import Path

import numpy as np
import pytest

from harness.backends.detect import detect
from harness.core.errors import ModelLoadError, UnsupportedFormatError

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(40)
LITERT = b"\x1c\0\0\0TFL3" + bytes(40)


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("digits.keras", "keras"),
        ("savedmodel", "tensorflow"),
        ("frozen.pb", "tensorflow"),
        ("digits.tflite", "litert"),
        ("digits.onnx", "onnxruntime"),
        ("digits-optimized.onnx", "onnxruntime"),
        ("digits-int8-static.onnx", "onnxruntime"),
    ],
)
def test_committed_models(name, backend):
    assert detect(MODELS / name) == backend


@pytest.mark.parametrize(
    ("name", "data", "backend"),
    [
        ("m.h5", HDF5, "keras"),
        ("m.ort", b"\x28\0\0\0ORTM" + bytes(40), "onnxruntime"),
        ("m.onnx", b"\x08\x09\x3a\x02\x0a\x00", "onnxruntime"),
        # Fields in an unusual order, the graph first.
        ("m.onnx", b"\x3a\x02\x0a\x00\x08\x09", "onnxruntime"),
        ("model", LITERT, "litert"),
        ("MODEL.TFLITE", LITERT, "litert"),
    ],
)
def test_bytes_of_each_form(tmp_path, name, data, backend):
    assert detect(put(tmp_path, name, data)) == backend


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
        ("m.tflite", b"\x08\x09\x3a\x02\x0a\x00", (".tflite", "an ONNX model")),
        ("m.keras", b"\x0a\x09\x0a\x01n\x12\x04Relu", (".keras", "a frozen GraphDef")),
        ("m.onnx", HDF5, (".onnx", "an HDF5 file")),
        ("m.pb", b"\x08\x09\x3a\x02\x0a\x00", (".pb", "an ONNX model")),
    ],
)
def test_suffix_and_bytes_that_disagree_are_both_told(tmp_path, name, data, says):
    with pytest.raises(UnsupportedFormatError) as caught:
        detect(put(tmp_path, name, data))
    assert all(word in caught.value.message for word in says)
    assert "backend =" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("m.onnx", b"", "empty"),
        ("m.onnx", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("m.onnx", b"\xff" * 64, "of no form that a backend knows"),
        ("m.txt", b"\nHello, this is text.\n", r"\.txt.*no form"),
        ("model", b"\0" * 64, "no suffix"),
        ("m.keras", b"PK\x03\x04" + bytes(60), "zip archive that was cut short"),
        ("saved_model.pb", b"\x08\x01\x12\x02\x0a\x00", "one file of a SavedModel"),
    ],
)
def test_what_no_backend_runs(tmp_path, name, data, match):
    with pytest.raises(UnsupportedFormatError, match=match) as caught:
        detect(put(tmp_path, name, data))
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("data.pkl", "x")
    with pytest.raises(UnsupportedFormatError, match="no form"):
        detect(tmp_path / "model.zip")


def test_folder_of_something_else(tmp_path):
    put(tmp_path, "weights.bin", b"x")
    with pytest.raises(UnsupportedFormatError, match=r"neither.*weights\.bin"):
        detect(tmp_path)


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
