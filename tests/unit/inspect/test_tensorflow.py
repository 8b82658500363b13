from pathlib import Path

import pytest

from harness.backends.detect import detect_form
from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec
from harness.formats.tensorflow_protos import dtype_of
from harness.inspection import inspect_model

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
IMAGE = TensorSpec("image", "float32", (None, 8, 8, 1))
FLOAT = 1


def inspect_path(path):
    return inspect_model(path, detect_form(path).name)


@pytest.fixture
def node(message):
    """A NodeDef."""

    def make(name, op, inputs=(), **attributes):
        attr = [(5, message((1, key), (2, value))) for key, value in attributes.items()]
        return message((1, name), (2, op), *((3, i) for i in inputs), *attr)

    return make


@pytest.fixture
def saved_model(tmp_path, message):
    """Fields of a MetaGraphDef -> a SavedModel's folder."""

    def make(*fields):
        data = message((1, 1), (2, message(*fields)))
        (tmp_path / "saved_model.pb").write_bytes(data)
        return tmp_path

    return make


def test_the_digits_savedmodel():
    found = inspect_path(MODELS / "savedmodel")
    assert found.format == "SavedModel"
    assert found.producer.startswith("tensorflow 2.")
    assert found.tags == ("serve",)
    assert found.inputs == (IMAGE,)
    assert found.outputs == (TensorSpec("probabilities", "float32", (None, 10)),)
    assert [s.name for s in found.signatures] == ["serving_default"]
    assert found.n_parameters == 7554
    assert found.operators["Conv2D"] == 2
    assert found.safety == found.not_read == ()


def test_the_digits_frozen_graph():
    found = inspect_path(MODELS / "frozen.pb")
    assert found.inputs == (IMAGE,)
    assert [spec.name for spec in found.outputs] == ["Identity"]
    assert found.n_parameters == 7554
    # One more: the epsilon, a scalar.
    assert found.bytes_by_dtype["float32"] == 4 * 7555
    assert "do" in found.not_read[0]


def test_the_digits_checkpoint_by_its_prefix():
    found = inspect_path(MODELS / "savedmodel" / "variables" / "variables")
    assert found.n_parameters == 7554
    assert found.version == "by objects (version 2)"
    (file,) = found.data_files
    assert file.location == "variables.data-00000-of-00001"
    assert file.size_bytes > 4 * 7554


def test_a_graph_as_text(tmp_path):
    path = tmp_path / "m.pbtxt"
    path.write_text(
        """
node { name: "x" op: "Placeholder"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: -1 } dim { size: 4 } } } } }
node { name: "y" op: "Relu" input: "x" }
library { function { node_def { name: "z" op: "PyFunc" } } }
"""
    )
    found = inspect_path(path)
    assert found.inputs == (TensorSpec("x", "float32", (None, 4)),)
    assert [spec.name for spec in found.outputs] == ["y"]
    assert found.operators == {"Placeholder": 1, "PyFunc": 1, "Relu": 1}
    assert "PyFunc" in found.safety[0]


def test_what_a_graph_could_do_is_told(saved_model, message, node):
    library = message((1, message((3, node("p", "EagerPyFunc")))))
    graph = message(
        (1, node("r", "ReadFile")), (1, node("t", "TRTEngineOp")), (2, library)
    )
    found = inspect_path(saved_model((2, graph)))
    assert [line.partition(":")[0] for line in found.safety] == [
        *("EagerPyFunc", "ReadFile", "TRTEngineOp")
    ]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", ""])
def test_assets_that_leave_the_folder_are_told(saved_model, message, name):
    found = inspect_path(saved_model((6, message((2, name)))))
    assert repr(name) in found.safety[0]


def test_assets_that_stay_are_not_told(saved_model, message):
    assert inspect_path(saved_model((6, message((2, "words.txt"))))).safety == ()


def test_signatures_come_with_dtypes_and_shapes(saved_model, message):
    shape = message((2, message((1, -1))), (2, message((1, 3))))
    info = message((1, "x:0"), (2, FLOAT), (3, shape))
    unknown = message((1, "y:0"), (2, 9), (3, message((3, 1))))
    signature = message((1, message((1, "x"), (2, info))))
    signature += message((2, message((1, "y"), (2, unknown))))
    entries = [
        (5, message((1, name), (2, signature)))
        for name in ("other", "serving_default", "__saved_model_init_op")
    ]
    found = inspect_path(saved_model(*entries))
    assert [s.name for s in found.signatures] == ["serving_default", "other"]
    assert found.inputs == (TensorSpec("x", "float32", (None, 3)),)
    assert found.outputs == (TensorSpec("y", "int64", None),)


def test_a_metagraph_says_where_its_weights_are(tmp_path, message, node):
    info = message((4, "train"), (5, "1.15.0"))
    graph = message((1, node("x", "Placeholder")))
    path = tmp_path / "m.meta"
    path.write_bytes(message((1, info), (2, graph)))
    found = inspect_path(path)
    assert (found.producer, found.tags) == ("tensorflow 1.15.0", ("train",))
    assert "checkpoint beside it" in found.not_read[0]


@pytest.mark.parametrize(
    ("place", "value"), [(-46, 255), (-45, 255), (0, 255), (1, 255), (2, 255)]
)
def test_a_damaged_index_is_an_error(tmp_path, place, value):
    index = MODELS / "savedmodel" / "variables" / "variables.index"
    data = bytearray(index.read_bytes())
    data[place] = value
    path = tmp_path / "m.index"
    path.write_bytes(data)
    with pytest.raises(ModelLoadError, match=r"m\.index") as caught:
        inspect_model(path, "checkpoint")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "float32"), (19, "float16"), (101, "float32"), (77, "type 77")],
)
def test_types_by_their_numbers(number, name):
    assert dtype_of(number) == name
