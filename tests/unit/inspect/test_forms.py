from pathlib import Path

import pytest

from harness.backends.forms.table import FORMS
from harness.core.errors import ModelLoadError
from harness.inspection import inspect_model
from harness.inspection.forms import INSPECTORS

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
# Named by detection, and never read: each says so.
UNREAD = {"checkpoint-data", "executorch", "gguf", "savedmodel-file"}


def test_every_form_that_is_detected_is_read_or_known_to_be_unread():
    assert {form.name for form in FORMS} == set(INSPECTORS) | UNREAD


def test_every_inspector_is_there():
    assert all(callable(INSPECTORS.get(name)) for name in INSPECTORS)


def test_an_unread_form_says_so(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    found = inspect_model(path, "gguf")
    assert (found.format, found.size_bytes) == ("gguf", 4)
    assert len(found.sha256) == 64
    assert "not read" in found.not_read[0]
    assert found.n_parameters is None


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ModelLoadError, match="No such file"):
        inspect_model(tmp_path / "no.onnx", "onnx")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("digits.keras", "keras"),
        ("digits.tflite", "litert"),
        ("frozen.pb", "graphdef"),
        ("savedmodel/variables/variables.index", "checkpoint"),
    ],
)
def test_a_file_cut_short_is_an_error_that_names_it(tmp_path, name, form):
    whole = (MODELS / name).read_bytes()
    path = tmp_path / Path(name).name
    for part in (2, 3, 5, 9):
        path.write_bytes(whole[: len(whole) // part])
        with pytest.raises(ModelLoadError) as caught:
            inspect_model(path, form)
        assert str(path) in caught.value.message
