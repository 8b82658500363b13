"""LiteRT files of odd interfaces: what goes in and comes out is found by its name."""

import numpy as np
import pytest

from harness.backends.litert_ import open_session
from harness.core.errors import ModelLoadError, SuiteError

pytest.importorskip("ai_edge_litert", reason="needs the litert extra")
pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


def run(session, **feeds):
    return session.run(feeds, slice(0, len(next(iter(feeds.values())))))


def test_outputs_of_equal_shape_go_by_name(tf, convert, x):
    spec = tf.TensorSpec([None, 3], tf.float32)

    @tf.function(input_signature=[spec, spec])
    def serve(right, left):
        total = left + right
        return {"total": total, "difference": left - right, "again": total}

    session = open_session(convert("two_by_two", {"serving_default": serve}), {})
    assert {spec.name for spec in session.inputs} == {"left", "right"}
    answers = run(session, left=x, right=x[::-1] * 2)
    np.testing.assert_array_equal(answers["total"], x + x[::-1] * 2)
    np.testing.assert_array_equal(answers["difference"], x - x[::-1] * 2)
    np.testing.assert_array_equal(answers["again"], answers["total"])


def test_state_goes_in_and_comes_out(tf, convert):
    import keras

    keras.utils.set_random_seed(0)
    cell = keras.layers.GRUCell(4)
    cell.build((1, 3))

    @tf.function(
        input_signature=[
            tf.TensorSpec([1, 3], tf.float32, name="frame"),
            tf.TensorSpec([1, 4], tf.float32, name="state"),
        ]
    )
    def serve(frame, state):
        answer, after = cell(frame, state)
        return {"answer": answer, "state_after": after}

    held = [variable.value for variable in cell.variables]
    session = open_session(convert("gru", {"serving_default": serve}, held), {})
    assert session.batch_size == 1
    state = expected = np.zeros((1, 4), np.float32)
    for frame in np.random.default_rng(0).normal(size=(5, 1, 3)).astype(np.float32):
        answers = run(session, frame=frame, state=state)
        state = answers["state_after"]
        expected, _ = cell(frame, expected)
        np.testing.assert_allclose(answers["answer"], expected, atol=2e-6)
    assert np.any(state)


def test_free_sizes_are_allocated_anew(tf, convert):
    @tf.function(input_signature=[tf.TensorSpec([None, None, 2], tf.float32, name="x")])
    def serve(x):
        return {"y": 2 * x + 1}

    session = open_session(convert("free", {"serving_default": serve}), {})
    assert session.inputs[0].shape == (None, None, 2)
    for shape in ((1, 1, 2), (4, 3, 2), (2, 9, 2), (4, 3, 2)):
        x = np.random.default_rng(0).random(shape).astype(np.float32)
        np.testing.assert_allclose(run(session, x=x)["y"], 2 * x + 1)


def test_scalar_output(tf, convert, x):
    @tf.function(input_signature=[tf.TensorSpec([6, 3], tf.float32, name="x")])
    def serve(x):
        return {"mean": tf.reduce_mean(x)}

    session = open_session(convert("scalar", {"serving_default": serve}), {})
    assert session.outputs[0].shape == ()
    assert run(session, x=x)["mean"] == pytest.approx(x.mean(), abs=1e-6)


def test_integers_and_texts(tf, convert):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="word"),
            tf.TensorSpec([None], tf.int64, name="place"),
        ]
    )
    def serve(word, place):
        return {"picked": tf.gather(word, place), "next": place + 1}

    session = open_session(convert("texts", {"serving_default": serve}), {})
    dtypes = {spec.name: spec.dtype for spec in (*session.inputs, *session.outputs)}
    assert dtypes == {"word": "str", "place": "int64", "picked": "str", "next": "int64"}
    place = np.array([2, 0, 0])
    for words in (np.array(["no", "yes", "né"]), np.array(["no", "yes", "né"], object)):
        answers = run(session, word=words, place=place)
        assert answers["picked"].tolist() == ["né", "no", "no"]
        np.testing.assert_array_equal(answers["next"], [3, 1, 1])


@pytest.fixture(scope="session")
def several(tf, convert):
    """Two graphs in one file, of unequal inputs."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def double(x):
        return {"y": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="v")])
    def shift(v):
        return {"y": v + 1, "w": v - 1}

    return convert("several", {"double": double, "shift": shift})


def test_several_signatures(several, x):
    session = open_session(several, {"signature": "double"})
    np.testing.assert_array_equal(run(session, x=x)["y"], 2 * x)
    session = open_session(several, {"signature": "shift"})
    assert session.inputs[0].shape == (None,)
    assert session.runtime["signature"] == "shift"
    for size in (1, 4):
        v = np.arange(size, dtype=np.float32)
        answers = run(session, v=v)
        np.testing.assert_array_equal(answers["y"], v + 1)
        np.testing.assert_array_equal(answers["w"], v - 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [({}, "no signature 'serving_default'"), ({"signature": "no"}, "signature 'no'")],
)
def test_unknown_signature_lists_the_known(several, options, says):
    with pytest.raises(SuiteError, match=says) as caught:
        open_session(several, options)
    assert "double, shift" in caught.value.hint


def test_a_scale_a_channel(tf, convert, folder):
    """No converter writes ends of several scales, the format and its readers can."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x):
        return {"y": tf.reshape(x, [-1, 2, 1])}

    path = convert("channels", {"serving_default": serve})
    model = flatbuffer_utils.read_model(str(path))
    graph = model.subgraphs[0]
    for index, axis in ((graph.inputs[0], 1), (graph.outputs[0], 1)):
        tensor = graph.tensors[index]
        tensor.type = schema.TensorType.INT8
        tensor.quantization.scale = [0.5, 0.25]
        tensor.quantization.zeroPoint = [0, 3]
        tensor.quantization.quantizedDimension = axis
    flatbuffer_utils.write_model(model, str(folder / "by_channel.tflite"))
    session = open_session(folder / "by_channel.tflite", {})
    assert session.inputs[0].dtype == session.outputs[0].dtype == "float32"
    rule = session.runtime["quantized.x"]
    assert rule == "int8, a scale a channel of axis 1, 0.25 to 0.5"
    x = np.array([[1.0, 1.0], [-2.5, 900.0]], np.float32)
    answer = run(session, x=x)["y"][..., 0]
    np.testing.assert_array_equal(answer, [[1.0, 1.0], [-2.5, (127 - 3) * 0.25]])
    raw = run(session, x=np.array([[2, 7], [-5, 127]], np.int8))["y"][..., 0]
    np.testing.assert_array_equal(raw, answer)


@pytest.mark.parametrize("kind", ["flex", "custom"])
def test_operators_that_litert_has_not(tf, convert, kind):
    @tf.function(input_signature=[tf.TensorSpec([3, 3], tf.float32, name="x")])
    def serve(x):
        return {"y": tf.linalg.det(x)}

    ops = tf.lite.OpsSet
    spec = tf.lite.TargetSpec(supported_ops=[ops.TFLITE_BUILTINS])
    settings = {"target_spec": spec, "allow_custom_ops": kind == "custom"}
    if kind == "flex":
        spec.supported_ops.append(ops.SELECT_TF_OPS)
    path = convert(kind, {"serving_default": serve}, **settings)
    with pytest.raises(ModelLoadError, match="MatrixDeterminant") as caught:
        open_session(path, {})
    assert str(path) in caught.value.message
    assert "convert with" in caught.value.hint
