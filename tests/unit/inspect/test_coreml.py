import json
import shutil
from pathlib import Path

import pytest

from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

FIXTURES = Path(__file__).parents[2] / "fixtures" / "coreml"


def test_a_model_of_the_real_tool():
    found = inspect_model(FIXTURES / "dense.mlmodel", "coreml")
    assert found.inputs == (TensorSpec("x", "float64", (4,)),)
    assert found.outputs == (TensorSpec("y", "float64", (3,)),)
    assert found.operators == {"innerProduct": 1}
    assert found.metadata["kind"] == "neuralNetwork"
    assert "macOS" in found.not_read[-1]


def test_a_package_of_the_real_tool():
    found = inspect_model(FIXTURES / "dense.mlpackage", "coreml-package")
    assert found.inputs == (TensorSpec("x", "float32", (1, 4)),)
    assert found.operators["linear"] == 1
    assert found.metadata["kind"] == "mlProgram"
    assert len(found.data_files) == 2
    assert found.safety == ()


def test_items_that_leave_the_package_are_told(tmp_path):
    folder = Path(
        shutil.copytree(FIXTURES / "dense.mlpackage", tmp_path / "m.mlpackage")
    )
    manifest = json.loads((folder / "Manifest.json").read_text())
    manifest["itemInfoEntries"]["odd"] = {"path": "../../etc/passwd"}
    (folder / "Manifest.json").write_text(json.dumps(manifest))
    found = inspect_model(folder, "coreml-package")
    assert "'../../etc/passwd'" in found.safety[0]


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", "{}", '{"itemInfoEntries": {"a": {"path": "none.mlmodel"}}}'],
)
def test_a_damaged_manifest_is_an_error(tmp_path, manifest):
    (tmp_path / "Data").mkdir()
    (tmp_path / "Manifest.json").write_text(manifest)
    with pytest.raises(ModelLoadError, match="Manifest"):
        inspect_model(tmp_path, "coreml-package")


def test_custom_code_images_and_labels(tmp_path, message):
    image = message((4, message((1, 32), (2, 16))))
    photo = message((1, "photo"), (3, image))
    label = message((1, "label"), (3, message((3, b""))))
    description = message((1, photo), (10, label), (100, message((3, "me"))))
    network = message((1, message((1, "l"), (500, message((10, "Mine"))))))
    path = tmp_path / "m.mlmodel"
    path.write_bytes(message((1, 4), (2, description), (500, network)))
    found = inspect_model(path, "coreml")
    assert found.inputs == (TensorSpec("photo", "image", (16, 32)),)
    assert found.outputs == (TensorSpec("label", "str", None),)
    assert "classes of the app" in found.safety[0]
    assert found.metadata["author"] == "me"
