"""LiteRT's fused LSTM, as converters wrote it of Keras 2, against LiteRT itself."""

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.backends.litert_ import open_session
from harness.backends.onnx_pieces import run_graph
from harness.core.errors import UnsupportedFormatError
from harness.graphs.translate import translate

STEPS, WIDTH, UNITS = 6, 4, 5
RNG = np.random.default_rng(8)
# Its 24 inputs: which of them are weights, and of which shape.
SHAPES = {
    **dict.fromkeys(range(1, 5), (UNITS, WIDTH)),
    **dict.fromkeys(range(5, 9), (UNITS, UNITS)),
    **dict.fromkeys(range(12, 16), (UNITS,)),
}
STATES = (18, 19)


def fused(path, time_major=False, clip=0.0):
    """A file with one operator of builtin code 44."""
    graph = schema.SubGraphT()
    graph.tensors, inputs, buffers = [], [-1] * 24, [schema.BufferT()]

    def add(name, shape, content=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = schema.TensorType.FLOAT32
        tensor.buffer = 0
        if content is not None:
            buffers.append(schema.BufferT())
            buffers[-1].data = np.frombuffer(content.tobytes(), np.uint8)
            tensor.buffer = len(buffers) - 1
        graph.tensors.append(tensor)
        return tensor, len(graph.tensors) - 1

    order = (STEPS, 1) if time_major else (1, STEPS)
    inputs[0] = add("x", (*order, WIDTH))[1]
    for at, shape in SHAPES.items():
        content = RNG.normal(0, 0.6, shape).astype(np.float32)
        inputs[at] = add(f"weights_{at}", shape, content)[1]
    for at in STATES:
        tensor, inputs[at] = add(f"state_{at}", (1, UNITS))
        tensor.isVariable = True
    answer = add("steps", (*order, UNITS))[1]
    graph.inputs, graph.outputs = [inputs[0]], [answer]
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor, options.cellClip = time_major, clip
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = inputs, [answer]
    operator.builtinOptions = options
    kind = schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    operator.builtinOptionsType = kind
    graph.operators = [operator]
    write(path, graph, buffers)
    return path


def write(path, graph, buffers):
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
    model = schema.ModelT()
    model.version, model.operatorCodes = 3, [code]
    model.subgraphs, model.buffers = [graph], buffers
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


@pytest.mark.parametrize("time_major", [False, True])
def test_it_answers_as_litert_does(tmp_path, time_major):
    path = fused(tmp_path / "lstm.tflite", time_major)
    order = (STEPS, 1) if time_major else (1, STEPS)
    data = RNG.normal(size=(*order, WIDTH)).astype(np.float32)
    session = open_session(path, {})
    (theirs,) = session.run({session.inputs[0].name: data}, slice(0, 1)).values()
    translation = translate(path, "litert")
    onnx.checker.check_model(translation.model, full_check=True)
    graph = translation.model.graph
    assert [n.op_type for n in graph.node if n.op_type == "LSTM"] == ["LSTM"]
    fetches = [graph.output[0].name]
    model = translation.model.SerializeToString()
    (ours,) = run_graph(model, {graph.input[0].name: data}, fetches).values()
    assert np.abs(theirs).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_what_onnx_reads_otherwise_is_refused(tmp_path):
    path = fused(tmp_path / "lstm.tflite", clip=1.5)
    with pytest.raises(UnsupportedFormatError, match="clips its cell"):
        translate(path, "litert")
