"""Models of the TensorFlow family as the real tools write them, with the truth.

    python tensorflow_models.py FOLDER

A process of its own: TensorFlow takes seconds to import. ``truth.npz`` of FOLDER holds
what the framework itself says of each file: "file|tensor" -> numbers.
"""

import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

V1 = tf.compat.v1
SHAPE = (8, 8, 2)


def small_model():
    """Every kind of layer that has a layout of its own."""
    keras.utils.set_random_seed(7)
    image = keras.Input(SHAPE, name="image")
    x = keras.layers.Conv2D(5, 3, name="first")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="slope")(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="wide")(x)
    x = keras.layers.Conv2DTranspose(4, 3, name="up")(x)
    x = keras.layers.Reshape((36, 4), name="rows")(x)
    x = keras.layers.Conv1D(3, 3, use_bias=False, name="line")(x)
    x = keras.layers.LSTM(6, name="memory")(x)
    y = keras.layers.Dense(3, name="last")(x)
    return filled(keras.Model(image, y))


def filled(model):
    """The model with all weights random, biases too."""
    rng = np.random.default_rng(3)
    model.set_weights(
        [
            (rng.standard_normal(w.shape) * 0.4 + 0.5).astype(w.dtype)
            for w in model.get_weights()
        ]
    )
    return model


def images(n=32):
    return np.random.default_rng(5).random((n, *SHAPE), np.float32)


def write_keras(folder, truth):
    model = small_model()
    model.compile("adam", "mse")
    model.train_on_batch(images(4), np.ones((4, 3), np.float32))
    for name in ("model.keras", "whole.h5"):
        model.save(folder / name)
    model.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(model.to_json())
    (folder / "alone.json").write_text(model.to_json())
    for variable in model.weights:
        truth[f"keras|{variable.path}"] = variable.numpy()
    model.export(folder / "saved", verbose=False)
    tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(
        str(folder / "objects" / "ckpt")
    )
    for name in ("objects/ckpt-1", "saved/variables/variables"):
        tell_checkpoint(folder, name, truth)
    return model


def tell_checkpoint(folder, name, truth):
    reader = tf.train.load_checkpoint(str(folder / name))
    for key in reader.get_variable_to_shape_map():
        value = reader.get_tensor(key)
        if isinstance(value, np.ndarray) and value.dtype != object:
            truth[f"{name}|{key}"] = value.astype(np.float32)


def write_nested(folder, truth):
    """Layers inside of layers, and those that build variables in their own order."""
    layers = keras.layers
    words = keras.Input((12,), dtype="int32", name="words")
    x = layers.Embedding(20, 8, name="table")(words)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="rows")(x)
    x = layers.GRU(5, return_sequences=True, name="gates")(x)
    x = layers.BatchNormalization(scale=False, name="norm")(x)
    x = layers.Reshape((12, 5, 1), name="image")(x)
    x = layers.SeparableConv2D(3, 3, name="apart")(x)
    convolution = layers.Conv2D(2, 1, name="deep")
    x = keras.Sequential([keras.Input((10, 3, 3)), convolution], name="inner")(x)
    x = layers.Reshape((6, 10), name="steps")(x)
    y = layers.TimeDistributed(layers.Dense(2), name="each")(x)
    model = filled(keras.Model(words, y))
    model.save(folder / "nested.keras")
    model.save(folder / "nested.h5")
    for variable in model.weights:
        truth[f"nested|{variable.path}"] = variable.numpy()


def write_hdf5(folder):
    """The same weights in other ways of HDF5: packed, and big-endian."""
    packed = folder / "packed.weights.h5"
    with h5py.File(folder / "model.weights.h5") as old, h5py.File(packed, "w") as new:

        def copy(name, item):
            few = name.startswith(("layers/conv2d/", "layers/dense/"))
            if few and isinstance(item, h5py.Dataset):
                new.create_dataset(name, data=item[()], chunks=True, compression=4)

        old.visititems(copy)
    with h5py.File(folder / "big.h5", "w") as file:
        file["dense/kernel"] = np.arange(6, dtype=">f4").reshape(2, 3)


def write_names(folder, truth):
    """A graph of TensorFlow 1 with its Saver: variables by name, partitioned too."""
    graph = tf.Graph()
    with graph.as_default(), V1.Session(graph=graph) as session:
        V1.set_random_seed(1)
        x = V1.placeholder(tf.float32, (None, 8, 8, 2), "x")
        kernel = V1.get_variable("conv/filters", (3, 3, 2, 4))
        old = V1.get_variable("conv/offset", (4,), use_resource=False)
        h = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), old)
        partitioner = V1.fixed_size_partitioner(3)
        table = V1.get_variable("table", (100, 4), partitioner=partitioner)
        halves = V1.get_variable("halves", (4, 3), tf.bfloat16)
        rows = V1.nn.embedding_lookup(table, tf.constant([1, 2]))
        h = tf.reduce_mean(h, (1, 2)) + tf.reduce_sum(rows, 0)
        y = tf.matmul(h, tf.cast(halves, tf.float32), name="y")
        variables = [kernel, old]
        training = V1.train.AdamOptimizer().minimize(tf.reduce_sum(y), None, variables)
        step = V1.train.get_or_create_global_step()
        session.run(V1.global_variables_initializer())
        session.run([training, step], {x: images(2)})
        V1.train.Saver().save(session, str(folder / "names" / "model"), global_step=3)
        tell_checkpoint(folder, "names/model-3", truth)
        builder = V1.saved_model.Builder(str(folder / "saved-names"))
        builder.add_meta_graph_and_variables(session, ["serve"])
        builder.save()


def write_graphs(folder, model, truth):
    """Frozen graphs: as bytes, as text, and with the odd ways to store a constant."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    call = tf.function(model).get_concrete_function(
        tf.TensorSpec((1, *SHAPE), tf.float32)
    )
    frozen = convert_variables_to_constants_v2(call).graph.as_graph_def()
    odd = odd_graph()
    for name, graph in (("frozen", frozen), ("odd", odd)):
        tf.io.write_graph(graph, str(folder), f"{name}.pb", as_text=False)
        tf.io.write_graph(graph, str(folder), f"{name}.pbtxt", as_text=True)
        for node in graph.node:
            if node.op == "Const":
                value = tf.make_ndarray(node.attr["value"].tensor)
                if value.dtype != object:
                    narrow = value.dtype != np.float64
                    kept = value.astype(np.float32) if narrow else value
                    truth[f"{name}|{node.name}"] = kept
    with tf.Graph().as_default(), V1.Session() as session:
        tf.import_graph_def(odd, name="")
        for name in ("first", "combined", "scaled", "channels"):
            truth[f"dequantized|{name}"] = session.run(f"{name}/float:0")


def odd_graph():
    rng = np.random.default_rng(9)
    with tf.Graph().as_default() as graph:
        x = V1.placeholder(tf.float32, (None, 4), "x")
        tf.constant(0.25, shape=(4, 4), name="splat")
        tf.constant([1.0, 2.0], shape=(2,), name="pair")
        tf.constant(rng.standard_normal((4, 4)), tf.float16, name="half")
        tf.constant(rng.standard_normal((4, 4)), tf.bfloat16, name="brain")
        tf.constant(rng.standard_normal((4, 4)), tf.float64, name="double")
        tf.constant(1.5, tf.float16, shape=(3,), name="half_splat")
        tf.constant(-1.5, tf.bfloat16, shape=(3,), name="brain_splat")
        tf.constant(np.frombuffer(bytes(range(256)), np.uint8), name="bytes")
        codes = rng.integers(0, 256, (4, 4)).astype(np.uint8)
        for name, mode, dtype, ends in (
            ("first", "MIN_FIRST", tf.quint8, (-1.3, 2.1)),
            ("combined", "MIN_COMBINED", tf.quint8, (-0.7, 1.9)),
            ("scaled", "SCALED", tf.qint8, (-0.7, 1.9)),
        ):
            low, high = map(tf.constant, ends)
            value = tf.raw_ops.Dequantize(
                input=constant(name, dtype, codes),
                min_range=low,
                max_range=high,
                mode=mode,
                name=f"{name}/float",
            )
            tf.matmul(x, value, name=f"{name}/product")
        value = tf.raw_ops.Dequantize(
            input=constant("channels", tf.qint8, codes),
            min_range=tf.constant([-1.0, -2.0, -3.0, -4.0]),
            max_range=tf.constant([1.0, 2.0, 2.0, 5.0]),
            mode="SCALED",
            axis=1,
            name="channels/float",
        )
        tf.matmul(x, value, name="channels/product")
    return graph.as_graph_def()


def constant(name, dtype, codes):
    proto = V1.AttrValue()
    proto.tensor.dtype = dtype.as_datatype_enum
    for length in codes.shape:
        proto.tensor.tensor_shape.dim.add().size = length
    proto.tensor.tensor_content = codes.tobytes()
    kind = V1.AttrValue(type=dtype.as_datatype_enum)
    graph = V1.get_default_graph()
    return graph.create_op(
        "Const", [], [dtype], attrs={"value": proto, "dtype": kind}, name=name
    ).outputs[0]


def lite_model():
    keras.utils.set_random_seed(7)
    image = keras.Input(SHAPE, batch_size=1, name="image")
    x = keras.layers.Conv2D(5, 3, name="first")(image)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="slope")(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="wide")(x)
    x = keras.layers.Conv2DTranspose(4, 3, name="up")(x)
    x = keras.layers.Flatten(name="rows")(x)
    x = keras.layers.Dense(40, name="last")(x)
    y = keras.layers.Dense(30, name="end")(x)
    return filled(keras.Model(image, y))


def write_litert(folder, truth):
    """Float, float16, dynamic and integer forms of a model that converts."""
    model = lite_model()
    lite = tf.lite

    def calibration():
        for row in images(8):
            yield [row[None]]

    def convert(name, **settings):
        converter = lite.TFLiteConverter.from_keras_model(model)
        for key, value in settings.items():
            setattr(converter, key, value)
        (folder / name).write_bytes(converter.convert())
        tell_litert(folder, name, truth)

    default = [lite.Optimize.DEFAULT]
    convert("float.tflite")
    convert("offset.tflite", _experimental_use_buffer_offset=True)
    half = lite.TargetSpec(supported_types=[tf.float16])
    convert("half.tflite", optimizations=default, target_spec=half)
    convert("dynamic.tflite", optimizations=default)
    convert("integer.tflite", optimizations=default, representative_dataset=calibration)


def write_schema(folder):
    """What converters write for other models only, by LiteRT's own schema."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf((folder / "float.tflite").read_bytes(), 0)
    graph = model.subgraphs[0]
    codes = np.array([[-8, 7, 3], [0, -1, 2]], np.int8)
    nibbles = (codes.reshape(-1) & 15).astype(np.uint8)
    packed = nibbles[::2] | nibbles[1::2] << 4
    scales = schema.QuantizationParametersT()
    scales.scale, scales.zeroPoint = [0.5, 0.25], [0, 1]
    scales.quantizedDimension = 0

    def tensor(name, shape, kind, data, scales=None, sparsity=None):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        model.buffers.append(buffer)
        made = schema.TensorT()
        made.name, made.shape, made.type = name, shape, kind
        made.buffer, made.quantization = len(model.buffers) - 1, scales
        made.sparsity = sparsity
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    kinds = schema.TensorType
    tensor("int4", [2, 3], kinds.INT4, packed.tobytes(), scales)
    sparse = schema.SparsityParametersT()
    sparse.traversalOrder = [0, 1]
    one = np.ones(2, np.float32).tobytes()
    tensor("sparse", [2, 2], kinds.FLOAT32, one, None, sparse)
    block = np.arange(12, dtype=np.float32).tobytes()
    gates = [tensor(f"gate{i}", [4, 3], kinds.FLOAT32, block) for i in range(4)]
    state = np.ones(16, np.float32).tobytes()
    gates += [tensor(f"state{i}", [4, 4], kinds.FLOAT32, state) for i in range(4)]
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    code.deprecatedBuiltinCode = code.builtinCode
    model.operatorCodes.append(code)
    node = schema.OperatorT()
    node.opcodeIndex = len(model.operatorCodes) - 1
    node.inputs, node.outputs = [0, *gates, -1, -1, -1], [graph.outputs[0]]
    graph.operators.append(node)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    (folder / "schema.tflite").write_bytes(bytes(builder.Output()))


def tell_litert(folder, name, truth):
    interpreter = tf.lite.Interpreter(str(folder / name))
    interpreter.allocate_tensors()
    for detail in interpreter.get_tensor_details():
        try:
            value = interpreter.get_tensor(detail["index"])
        except ValueError:
            continue
        scales = detail["quantization_parameters"]
        if value.dtype != object:
            truth[f"{name}|{detail['name']}"] = value
            truth[f"{name}|{detail['name']}|scales"] = scales["scales"]
            truth[f"{name}|{detail['name']}|zeros"] = scales["zero_points"]
            truth[f"{name}|{detail['name']}|axis"] = scales["quantized_dimension"]


def main(folder):
    truth = {}
    model = write_keras(folder, truth)
    write_nested(folder, truth)
    write_hdf5(folder)
    write_names(folder, truth)
    write_graphs(folder, model, truth)
    write_litert(folder, truth)
    write_schema(folder)
    np.savez(folder / "truth.npz", **truth)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
