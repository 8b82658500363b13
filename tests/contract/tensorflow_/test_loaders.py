"""Which graph of a model is loaded, by which of TensorFlow's loaders."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.backends.tensorflow_ import open_session

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


def run(session, **feeds):
    return session.run(feeds, slice(0, len(next(iter(feeds.values())))))


@pytest.fixture(scope="session")
def tagged(tf, folder):
    """Two graphs of different tags in one SavedModel, each with two signatures."""
    v1 = tf.compat.v1
    path = folder / "tagged"
    builder = v1.saved_model.Builder(str(path))
    for tags, factor in ((["serve"], 2.0), (["serve", "gpu"], 3.0)):
        graph = tf.Graph()
        with graph.as_default(), v1.Session(graph=graph) as session:
            x = v1.placeholder(tf.float32, [None], "x")
            scale = v1.get_variable("scale", initializer=factor)
            session.run(v1.global_variables_initializer())
            predict = v1.saved_model.predict_signature_def
            signatures = {
                "serving_default": predict({"x": x}, {"scaled": x * scale}),
                "negated": predict({"x": x}, {"negated": -x * scale}),
            }
            if factor == 2.0:
                builder.add_meta_graph_and_variables(session, tags, signatures)
            else:
                builder.add_meta_graph(tags, signatures)
    builder.save()
    return path


@pytest.mark.parametrize("tags", [["serve"], ["serve", "gpu"], ["gpu", "serve"]])
def test_graphs_by_tags_and_signatures(tagged, tags):
    session = open_session(tagged, {"tags": tags, "signature": "negated"})
    # Both graphs read the variables that were saved with the first.
    answer = run(session, x=np.array([1, 2], np.float32))["negated"]
    np.testing.assert_array_equal(answer, [-2, -4])
    assert session.runtime["tags"] == ", ".join(sorted(tags))
    assert session.runtime["loader"] == "v1 session"


def test_old_loader_reads_what_the_new_one_refuses(tf, saved, x, tmp_path):
    """Python objects that cannot be rebuilt, around a graph that runs."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    weight = tf.Variable(np.eye(3, dtype=np.float32) * 5)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(x):
        return {"y": x @ weight}

    path = saved("broken_objects", serve, weight=weight)
    whole = open_session(path, {})
    assert "loader" not in whole.runtime
    file = path / "saved_model.pb"
    message = SavedModel.FromString(file.read_bytes())
    for node in message.meta_graphs[0].object_graph_def.nodes:
        if node.WhichOneof("kind") == "bare_concrete_function":
            node.bare_concrete_function.concrete_function_name = "gone"
        if node.WhichOneof("kind") == "function":
            node.function.concrete_functions[:] = ["gone"]
    file.write_bytes(message.SerializeToString())
    with pytest.raises(Exception, match="gone"):
        tf.saved_model.load(str(path))
    session = open_session(path, {})
    assert session.runtime["loader"] == "v1 session"
    np.testing.assert_array_equal(run(session, x=x)["y"], x * 5)


def test_folded_batch_norm_answers_as_its_parts_did(tf, folder, x):
    from tensorflow.python.tools.optimize_for_inference_lib import (
        optimize_for_inference,
    )

    from harness.backends.tensorflow_runtime import without_advice

    v1 = tf.compat.v1
    draw = np.random.default_rng(1).random
    with without_advice(tf), tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, [None, 6, 6, 2], "image")
        kernel = tf.constant(draw((3, 3, 2, 4)), tf.float32)
        convolved = tf.nn.conv2d(image, kernel, 1, "SAME")
        parts = [tf.constant(draw(4) + 0.5, tf.float32) for _ in range(4)]
        normed, *_ = v1.nn.fused_batch_norm(convolved, *parts, is_training=False)
        tf.nn.relu(normed, name="answer")
        whole = graph.as_graph_def()
        folded = optimize_for_inference(
            whole, ["image"], ["answer"], tf.float32.as_datatype_enum
        )
    assert not any("BatchNorm" in node.op for node in folded.node)
    feeds = draw((4, 6, 6, 2)).astype(np.float32)
    answers = []
    for name, one in (("whole.pb", whole), ("folded.pb", folded)):
        tf.io.write_graph(one, str(folder), name, as_text=False)
        options = {"inputs": ["image"], "outputs": ["answer"]}
        answers.append(run(open_session(folder / name, options), image=feeds)["answer"])
    assert np.any(answers[0] != answers[1])
    np.testing.assert_allclose(*answers, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("saved_as", ["model", "root", "net", "names"])
def test_checkpoint_of_a_module(tf, folder, factories, x, names, saved_as):
    """Saved under a name, as the root, or by TensorFlow 1 by names of variables."""
    from importlib import import_module

    v1 = tf.compat.v1
    module = import_module(factories).scale()
    module.factor.assign([1, 2, 3])
    path = folder / f"module_{saved_as}" / "ckpt"
    if saved_as == "names":
        with tf.Graph().as_default(), v1.Session() as session:
            v1.get_variable("factor", initializer=np.array([1, 2, 3], np.float32))
            session.run(v1.global_variables_initializer())
            saver = v1.train.Saver()
            saver.save(session, str(path), write_meta_graph=False)
    else:
        path = tf.train.Checkpoint(**{saved_as: module}).write(str(path))
    options = {"factory": f"{factories}:scale", "factory_args": {"names": names}}
    if saved_as == "net":
        options["attribute"] = "net"
    session = open_session(Path(path), options)
    answers = run(session, x=x)
    assert list(answers) == (["raw", "scaled"] if names else ["output_0", "output_1"])
    scaled = answers["scaled" if names else "output_0"]
    np.testing.assert_array_equal(scaled, x * np.array([1, 2, 3], np.float32))


def test_savedmodel_as_text(old, golden_images, tmp_path):
    from google.protobuf import text_format
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(old / "savedmodel", tmp_path / "text")
    binary = tmp_path / "text" / "saved_model.pb"
    message = SavedModel.FromString(binary.read_bytes())
    text = text_format.MessageToString(message)
    (tmp_path / "text" / "saved_model.pbtxt").write_text(text)
    binary.unlink()
    answers = [
        run(open_session(path, {}), image=golden_images[:5])["probabilities"]
        for path in (tmp_path / "text", old / "savedmodel")
    ]
    np.testing.assert_array_equal(*answers)
