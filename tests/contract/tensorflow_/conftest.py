"""TensorFlow's forms of small models, each made by TensorFlow's own tools."""

import sys
from pathlib import Path

import numpy as np
import pytest

from harness.backends.tensorflow_runtime import import_tensorflow, without_advice

DIGITS = Path(__file__).parents[3] / "golden" / "digits"
FACTORIES = """
import keras
import numpy as np
import tensorflow as tf
from pathlib import Path

CONFIG = Path(__file__).with_name("digits.json")

def digits():
    return keras.models.model_from_json(CONFIG.read_text())

def compiled():
    model = digits()
    model.compile("adam", "mse")
    return model

def another():
    layers = keras.layers
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])

class Scale(tf.Module):
    def __init__(self, names):
        super().__init__("scale")
        self.factor = tf.Variable(np.ones(3, np.float32), name="factor")
        self.names = names

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def __call__(self, x):
        scaled = self.factor * x
        return {"scaled": scaled, "raw": x} if self.names else [scaled, x]

def scale(names=True):
    return Scale(names)

def fails():
    raise RuntimeError("no such data")

def text():
    return "a model"

constant = 1
"""


@pytest.fixture(scope="session")
def tf():
    return import_tensorflow()


@pytest.fixture(scope="session")
def digits(tf):
    import keras

    return keras.saving.load_model(DIGITS / "models" / "digits.keras")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tensorflow")


def digits_graph(tf, weights):
    """The digits CNN as TensorFlow 1 wrote it: placeholder, variables, fused ops."""
    v1, nn = tf.compat.v1, tf.nn
    values = iter(weights)

    def variable(name):
        return v1.get_variable(name, initializer=next(values), use_resource=False)

    image = v1.placeholder(tf.float32, [None, 8, 8, 1], "image")
    x = nn.conv2d(image, variable("conv1/kernel"), 1, "SAME")
    x = nn.relu(nn.bias_add(x, variable("conv1/bias")))
    gamma, beta, mean, variance = (
        variable(f"bn1/{name}") for name in ("gamma", "beta", "mean", "variance")
    )
    x, *_ = v1.nn.fused_batch_norm(
        x, gamma, beta, mean, variance, epsilon=1e-3, is_training=False
    )
    x = nn.conv2d(x, variable("conv2/kernel"), 2, "SAME")
    x = nn.relu(nn.bias_add(x, variable("conv2/bias")))
    x = tf.reshape(x, [-1, 384])
    x = tf.matmul(x, variable("scores/kernel")) + variable("scores/bias")
    return image, nn.softmax(x, name="probabilities")


@pytest.fixture(scope="session")
def old(tf, digits, folder):
    """Files of TensorFlow 1: SavedModel, checkpoint with its MetaGraph, frozen."""
    v1 = tf.compat.v1
    out, graph, weights = folder / "old", tf.Graph(), digits.get_weights()
    with without_advice(tf), graph.as_default(), v1.Session(graph=graph) as session:
        image, probabilities = digits_graph(tf, weights)
        session.run(v1.global_variables_initializer())
        names = {"image": image}, {"probabilities": probabilities}
        v1.saved_model.simple_save(session, str(out / "savedmodel"), *names)
        saver = v1.train.Saver()
        saver.save(session, str(out / "bare" / "digits"))
        (out / "first").mkdir()
        first = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        first.save(session, str(out / "first" / "digits.ckpt"))
        v1.add_to_collection("inputs", image)
        v1.add_to_collection("outputs", probabilities.name)
        saver.save(session, str(out / "checkpoint" / "digits"))
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["probabilities"]
        )
        partial = v1.train.Saver([v for v in v1.global_variables() if "bn1" in v.name])
        partial.save(session, str(out / "partial" / "digits"))
    tf.io.write_graph(frozen, str(out), "frozen.pb", as_text=False)
    tf.io.write_graph(frozen, str(out), "frozen.pbtxt", as_text=True)
    return out


@pytest.fixture(scope="session")
def optimized(tf, old):
    """Frozen graphs after the tools that strip and fold them."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer
    from tensorflow.python.tools.optimize_for_inference_lib import (
        optimize_for_inference,
    )

    v1 = tf.compat.v1
    graph = v1.GraphDef.FromString((old / "frozen.pb").read_bytes())
    with without_advice(tf):
        found = optimize_for_inference(
            graph, ["image"], ["probabilities"], tf.float32.as_datatype_enum
        )
    tf.io.write_graph(found, str(old), "optimized.pb", as_text=False)
    graph = v1.GraphDef.FromString((DIGITS / "models" / "frozen.pb").read_bytes())
    with tf.Graph().as_default() as whole:
        tf.graph_util.import_graph_def(graph, name="")
        v1.add_to_collection("train_op", whole.get_tensor_by_name("Identity:0"))
        meta = v1.train.export_meta_graph(graph=whole)
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.optimizers[:] = ["constfold", "remap"]
    config.graph_options.rewrite_options.min_graph_nodes = -1
    found = tf_optimizer.OptimizeGraph(config, meta)
    tf.io.write_graph(found, str(old), "folded.pb", as_text=False)
    return old


@pytest.fixture(scope="session")
def checkpoint(tf, digits, folder):
    """An object-based checkpoint: variables, and no graph."""
    saved = tf.train.Checkpoint(model=digits).save(str(folder / "objects" / "digits"))
    return Path(saved)


@pytest.fixture(scope="session")
def factories(digits, folder):
    """Name of an importable module whose functions make models."""
    place = folder / "factories"
    place.mkdir()
    (place / "digits.json").write_text(digits.to_json())
    (place / "digits_factories.py").write_text(FACTORIES)
    sys.path.insert(0, str(place))
    yield "digits_factories"
    sys.path.remove(str(place))
    sys.modules.pop("digits_factories", None)


@pytest.fixture(scope="session")
def saved(tf, folder):
    """Saves a function with an input signature as a SavedModel of that name."""

    def save(name, function, **holds):
        module = tf.Module()
        for key, value in holds.items():
            setattr(module, key, value)
        module.serve = function
        tf.saved_model.save(module, str(folder / name), signatures=function)
        return folder / name

    return save


@pytest.fixture(scope="session")
def x():
    return np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
