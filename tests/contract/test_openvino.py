"""OpenVINO through the contract, on IR that OpenVINO itself converted and saved."""

from types import MappingProxyType

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper

from harness.core.errors import InferenceError, ModelLoadError, SuiteError
from harness.testing import LiveBackendContract, answers

FLOAT = 2e-6
FREE = MappingProxyType({"shapes": {"image": [-1, 8, 8, 1]}})


@pytest.fixture(scope="session")
def convert(tmp_path_factory):
    """A model of another form -> its IR, converted once."""
    folder = tmp_path_factory.mktemp("openvino")
    done = {}

    def converted(source, compress=False, batch=None):
        name = f"{source.stem}-{compress}-{batch}{source.suffix[1:]}"
        if name not in done:
            model = openvino.convert_model(str(source))
            if batch is not None:
                model.reshape([batch, 8, 8, 1])
            path = folder / f"{name}.xml"
            openvino.save_model(model, str(path), compress_to_fp16=compress)
            done[name] = path
        return done[name]

    return converted


@pytest.fixture
def graph(tmp_path):
    """Nodes -> an IR of their graph."""

    def saved(nodes, inputs, outputs):
        proto = helper.make_model(
            helper.make_graph(nodes, "graph", inputs, outputs),
            opset_imports=[helper.make_opsetid("", 18)],
            ir_version=9,
        )
        onnx.save(proto, tmp_path / "graph.onnx")
        model = openvino.convert_model(str(tmp_path / "graph.onnx"))
        openvino.save_model(model, str(tmp_path / "graph.xml"), compress_to_fp16=False)
        return tmp_path / "graph.xml"

    return saved


def floats(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


class OpenVinoContract(LiveBackendContract):
    backend = "openvino"
    source = "digits.onnx"
    port = "image"
    compress = False
    batch = None
    within = FLOAT
    flips = 0

    @pytest.fixture
    def model(self, models, convert):
        return convert(models / self.source, self.compress, self.batch)

    @pytest.fixture
    def feeds(self, images):
        return {self.port: images}

    def feed(self, images):
        return images

    def probabilities(self, answer):
        return answer

    def test_agrees_with_the_original(self, model, golden_images, recorded):
        session = self.open(model)
        size = session.batch_size or len(golden_images)
        found = answers(session, {self.port: self.feed(golden_images)}, size)
        (answer,) = (self.probabilities(array) for array in found.values())
        assert np.abs(answer - recorded).max() <= self.within
        assert np.sum(answer.argmax(1) != recorded.argmax(1)) <= self.flips

    def test_what_was_computed_in_is_told(self, session):
        assert session.runtime["precision"] == "f32"
        assert "f32" in session.runtime["kernels"]


class TestFromOnnx(OpenVinoContract):
    pass


class TestFromSavedModel(OpenVinoContract):
    source = "savedmodel"


class TestFromFrozenGraph(OpenVinoContract):
    source = "frozen.pb"
    port = "image:0"


class TestFromTflite(OpenVinoContract):
    source = "digits.tflite"
    port = "serving_default_image:0"


class TestFp16(OpenVinoContract):
    compress = True
    within = 2e-3


class TestFixedBatch(OpenVinoContract):
    batch = 1

    def test_batch_is_told(self, session):
        assert session.batch_size == 1


class TestFreedBatch(TestFromOnnx):
    batch = 1
    options = FREE

    def test_batch_is_free(self, session):
        assert session.batch_size is None


class TestInt8FromOnnx(OpenVinoContract):
    source = "digits-int8-static.onnx"
    within, flips = 5e-2, 2

    def test_integer_kernels_are_told(self, session):
        assert "i8" in session.runtime["kernels"]


class TestInt8FromTflite(OpenVinoContract):
    """Whole numbers from input to output: its scales are in the .tflite alone."""

    source = "digits-int8.tflite"
    port = "serving_default_image:0"
    within, flips = 5e-2, 2

    @pytest.fixture
    def feeds(self, images):
        return {self.port: self.feed(images)}

    def feed(self, images):
        return np.clip(np.round(images * 255) - 128, -128, 127).astype(np.int8)

    def probabilities(self, answer):
        return (answer.astype(np.float32) + 128) / 256


@pytest.mark.parametrize(
    ("source", "port"),
    [
        ("digits.onnx", "image"),
        ("savedmodel", "image"),
        ("frozen.pb", "image:0"),
        ("digits.tflite", "serving_default_image:0"),
    ],
)
def test_other_forms_run_where_the_suite_says_so(
    models, golden_images, recorded, source, port
):
    with open_(models / source) as session:
        (found,) = session.run({port: golden_images}, slice(0, 360)).values()
    assert np.abs(found - recorded).max() <= FLOAT


def test_two_inputs_and_two_outputs(graph):
    path = graph(
        [
            helper.make_node("Add", ["left", "right"], ["sum"]),
            helper.make_node("Sub", ["left", "right"], ["difference"]),
        ],
        [floats("left", "n", 3), floats("right", "n", 3)],
        [floats("sum", "n", 3), floats("difference", "n", 3)],
    )
    left, right = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    with open_(path) as session:
        assert [spec.shape for spec in session.inputs] == [(None, 3)] * 2
        found = session.run({"right": right, "left": left}, slice(0, 2))
    assert list(found) == ["sum", "difference"]
    np.testing.assert_array_equal(found["sum"], left + right)
    np.testing.assert_array_equal(found["difference"], left - right)


def test_dynamic_shapes(graph):
    path = graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        [floats("x", "n", "height", "width")],
        [floats("y", "n", "height", "width")],
    )
    with open_(path) as session:
        assert session.outputs[0].shape == (None, None, None)
        for shape in ((1, 2, 3), (4, 1, 7)):
            found = session.run({"x": np.ones(shape, np.float32)}, slice(0, shape[0]))
            assert found["y"].shape == shape


def test_a_scalar_output(graph):
    node = helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)
    path = graph([node], [floats("x", "n", 3)], [floats("total")])
    with open_(path) as session:
        assert session.outputs[0].shape == ()
        found = session.run({"x": np.ones((2, 3), np.float32)}, slice(0, 2))
    assert found["total"].shape == ()
    assert found["total"] == 6


def test_ports_of_several_names_and_of_none(graph):
    path = graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        [floats("x", "n", 3)],
        [floats("y", "n", 3)],
    )
    text = path.read_text(encoding="utf-8")
    named = text.replace('names="y"', 'names="a_longer_name,y"')
    path.write_text(named, encoding="utf-8")
    with open_(path) as session:
        assert [spec.name for spec in session.outputs] == ["y"]
        assert session.runtime["names.y"] == "a_longer_name"
    path.write_text(text.replace('names="x"', ""), encoding="utf-8")
    with open_(path) as session:
        assert [spec.name for spec in session.inputs] == ["input_0"]
        found = session.run({"input_0": -np.ones((2, 3), np.float32)}, slice(0, 2))
    assert not found["y"].any()


def test_state_begins_anew_in_each_batch(tmp_path):
    ops = openvino.opset13
    x = ops.parameter([1, 3], openvino.Type.f32, name="x")
    zero = ops.constant(np.zeros((1, 3), np.float32))
    seen = ops.add(ops.read_value(zero, "sum", openvino.Type.f32, [1, 3]), x)
    sinks = [ops.assign(seen, "sum")]
    model = openvino.Model([ops.result(seen, name="y")], sinks, [x], "stateful")
    openvino.save_model(model, str(tmp_path / "m.xml"), compress_to_fp16=False)
    with open_(tmp_path / "m.xml") as session:
        feeds = {session.inputs[0].name: np.ones((1, 3), np.float32)}
        for _ in range(3):
            (found,) = session.run(feeds, slice(0, 1)).values()
            assert found.tolist() == [[1, 1, 1]]


def test_precision_in_use_is_told_and_not_the_one_asked_for(
    models, convert, golden_images, recorded
):
    path = convert(models / "digits.onnx")
    with open_(path, precision="f16") as session:
        used = session.runtime["precision"]
        (found,) = session.run({"image": golden_images}, slice(0, 360)).values()
    assert session.runtime["INFERENCE_PRECISION_HINT"] == "f16"
    # Which one it is depends on the processor; that it is told does not.
    assert used in {"f16", "bf16", "f32"}
    assert (np.abs(found - recorded).max() <= FLOAT) == (used == "f32")


def ir(convert, models, folder):
    """A copy of the digits IR that may be spoilt."""
    source = convert(models / "digits.onnx")
    for suffix in (".xml", ".bin"):
        data = source.with_suffix(suffix).read_bytes()
        (folder / f"copy{suffix}").write_bytes(data)
    return folder / "copy.xml"


def spoil_no_weights(path):
    path.with_suffix(".bin").unlink()


def spoil_short_weights(path):
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-4])


def spoil_short_xml(path):
    path.write_bytes(path.read_bytes()[:-40])


def spoil_other_xml(path):
    path.write_text("<net><layers/></net>", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_no_weights, r"copy\.bin does not exist"),
        (spoil_short_weights, r"copy\.bin has 30,164 bytes, fewer than"),
        (spoil_short_xml, r"copy\.xml is no whole OpenVINO model"),
        (spoil_other_xml, r"copy\.xml"),
    ],
)
def test_broken_files(convert, models, tmp_path, spoil, says):
    path = ir(convert, models, tmp_path)
    spoil(path)
    with pytest.raises(ModelLoadError, match=says) as caught:
        open_(path)
    assert caught.value.hint
    assert "src/" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp32"}, "precision = 'fp32'"),
        ({"num_threads": -1}, "num_threads = -1"),
        ({"shapes": {"image": "all"}}, "shapes"),
        ({"shapes": {"image": [0, 8, 8, 1]}}, "shapes"),
        ({"shapes": {"picture": [1, 8, 8, 1]}}, "'picture', which is no input"),
        ({"shapes": {"image": [2, 8]}}, "shapes"),
        ({"config": {"NO_SUCH_PROPERTY": 1}}, "NO_SUCH_PROPERTY"),
    ],
)
def test_wrong_options(convert, models, options, says):
    with pytest.raises(SuiteError, match=says) as caught:
        open_(convert(models / "digits.onnx"), **options)
    assert caught.value.hint


def test_a_device_that_is_not_there(convert, models):
    with pytest.raises(ModelLoadError, match="for NPU"):
        open_(convert(models / "digits.onnx"), device="NPU")


def test_a_form_that_it_does_not_read(models):
    with pytest.raises(ModelLoadError, match=r"digits\.keras is of no form"):
        open_(models / "digits.keras")


def test_a_failing_batch_is_told_in_one_line(graph):
    path = graph(
        [helper.make_node("Add", ["a", "b"], ["c"])],
        [floats("a", "n", "k"), floats("b", "n", "k")],
        [floats("c", "n", "k")],
    )
    wrong = {"a": np.ones((2, 3), np.float32), "b": np.ones((2, 4), np.float32)}
    right = {"a": wrong["a"], "b": wrong["a"]}
    with open_(path) as session:
        assert session.run(right, slice(0, 2))["c"].sum() == 12
        # Not the answer of the batch before, as the runtime's own `infer` gives it.
        with pytest.raises(InferenceError, match="openvino fails on a batch") as caught:
            session.run(wrong, slice(0, 2))
        assert "\n" not in caught.value.message
        assert session.run(right, slice(0, 2))["c"].sum() == 12


def open_(path, **options):
    from harness.backends.openvino_ import open_session

    return open_session(path, options)
