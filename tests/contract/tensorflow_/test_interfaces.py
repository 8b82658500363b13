"""SavedModels of odd interfaces: what goes in and comes out is found by its name."""

import numpy as np
import pytest

from harness.backends.tensorflow_ import open_session

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


def run(session, **feeds):
    return session.run(feeds, slice(0, len(next(iter(feeds.values())))))


@pytest.fixture(scope="session")
def two_by_two(tf, saved):
    """Two inputs; outputs of equal shape, told in another order than their names'."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="right"),
            tf.TensorSpec([None, 3], tf.float32, name="left"),
        ]
    )
    def serve(right, left):
        return {"total": left + right, "difference": left - right}

    return saved("two_by_two", serve)


@pytest.mark.parametrize("loader", ["function", "session"])
def test_outputs_of_equal_shape_go_by_name(two_by_two, x, loader):
    # Tensors named by the suite are read in a session.
    names = {
        "inputs": ["serving_default_left", "serving_default_right"],
        "outputs": ["PartitionedCall:1", "PartitionedCall:0"],
    }
    session = open_session(two_by_two, names if loader == "session" else {})
    left, right = x, x[::-1] * 2
    inputs = [spec.name for spec in session.inputs]
    feeds = {name: left if "left" in name else right for name in inputs}
    answers = list(session.run(feeds, slice(0, 6)).values())
    if loader == "session":
        answers.reverse()
    else:
        assert [spec.name for spec in session.outputs] == ["difference", "total"]
    np.testing.assert_array_equal(answers[0], left - right)
    np.testing.assert_array_equal(answers[1], left + right)


def test_functional_model_of_two_inputs_and_two_outputs(folder, x):
    import keras

    keras.utils.set_random_seed(0)
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    joined = keras.layers.concatenate([left, right])
    wide = keras.layers.Dense(4, name="wide")(joined)
    narrow = keras.layers.Dense(2, name="narrow")(right)
    model = keras.Model([left, right], {"wide": wide, "narrow": narrow})
    model.export(folder / "functional", verbose=False)
    answers = run(open_session(folder / "functional", {}), left=x, right=x[:, :2])
    expected = model([x, x[:, :2]], training=False)
    assert set(answers) == {"wide", "narrow"}
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, expected[name], rtol=0, atol=2e-6)


def test_state_goes_in_and_comes_out(tf, saved):
    import keras

    keras.utils.set_random_seed(0)
    layer = keras.layers.GRU(4, return_state=True)
    layer.build((None, None, 3))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.float32, name="frames"),
            tf.TensorSpec([None, 4], tf.float32, name="state"),
        ]
    )
    def serve(frames, state):
        answer, after = layer(frames, initial_state=state)
        return {"answer": answer, "state_after": after}

    variables = [variable.value for variable in layer.variables]
    session = open_session(saved("gru", serve, held=variables), {})
    frames = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    whole = run(session, frames=frames, state=np.zeros((2, 4), np.float32))
    state = np.zeros((2, 4), np.float32)
    for step in range(5):
        one = run(session, frames=frames[:, step : step + 1], state=state)
        state = one["state_after"]
    np.testing.assert_allclose(one["answer"], whole["answer"], atol=2e-6)
    np.testing.assert_allclose(state, whole["state_after"], atol=2e-6)
    assert np.any(state)


def test_fixed_batch_and_free_sizes(tf, saved):
    @tf.function(input_signature=[tf.TensorSpec([4, None], tf.float32, name="x")])
    def serve(x):
        return {"sums": tf.reduce_sum(x, axis=1), "doubled": 2 * x}

    session = open_session(saved("fixed", serve), {})
    assert session.batch_size == 4
    assert session.inputs[0].shape == (4, None)
    for width in (1, 3, 7):
        x = np.ones((4, width), np.float32)
        answers = run(session, x=x)
        np.testing.assert_array_equal(answers["sums"], np.full(4, width))
        assert answers["doubled"].shape == (4, width)


def test_scalar_output(tf, saved, x):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(x):
        return {"mean": tf.reduce_mean(x)}

    session = open_session(saved("scalar", serve), {})
    assert session.outputs[0].shape == ()
    assert run(session, x=x)["mean"] == pytest.approx(x.mean(), abs=1e-6)


@pytest.fixture(scope="session")
def words(tf, saved, folder):
    """Texts in, numbers and texts out, by a vocabulary that is an asset."""
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("no\nyes\nperhaps\n")
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            tf.saved_model.Asset(str(vocabulary)),
            *(tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
            *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
        ),
        num_oov_buckets=1,
    )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
    def serve(word):
        upper = tf.strings.upper(word, encoding="utf-8")
        return {"place": table.lookup(word), "upper": upper}

    path = saved("words", serve, table=table)
    vocabulary.unlink()  # the model must find its own copy
    return path


@pytest.mark.parametrize("dtype", ["U", "O"])
def test_texts(words, dtype):
    session = open_session(words, {})
    assert session.inputs[0].dtype == "str"
    assert {spec.name: spec.dtype for spec in session.outputs} == {
        "place": "int64",
        "upper": "str",
    }
    answers = run(session, word=np.array(["yes", "perhaps", "né"], dtype))
    np.testing.assert_array_equal(answers["place"], [1, 2, 3])
    assert answers["upper"].tolist() == ["YES", "PERHAPS", "NÉ"]


def test_bytes_that_are_no_text_are_escaped(tf, saved):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.uint8, name="byte")])
    def serve(byte):
        return {"raw": tf.gather(tf.constant([b"\xff", b"a"]), tf.cast(byte, tf.int32))}

    answers = run(
        open_session(saved("raw", serve), {}), byte=np.array([0, 1], np.uint8)
    )
    assert answers["raw"].tolist() == ["\\xff", "a"]


def test_answer_that_is_a_constant_is_the_callers(tf, folder):
    """A session gives its own memory; writing to it must not reach the model."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "x")
        table = tf.constant([1.0, 2.0], name="table")
        path = folder / "constant"
        v1.saved_model.simple_save(session, str(path), {"x": x}, {"table": table})
    session = open_session(path, {})
    first = run(session, x=np.ones(1, np.float32))["table"]
    first[...] = 0
    np.testing.assert_array_equal(run(session, x=first[:1])["table"], [1.0, 2.0])
