"""Small ONNX models, as messages and as files."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.inspection import inspect_model


@pytest.fixture
def build():
    """Nodes -> a model with input x and output y."""

    def make(nodes, initializers=(), x=("N", 2, 8, 8), opset=18, **options):
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [
                numpy_helper.from_array(np.asarray(v), k)
                for k, v in dict(initializers).items()
            ],
            value_info=options.pop("value_info", []),
        )
        opsets = [helper.make_opsetid("", opset)]
        opsets += [helper.make_opsetid(d, 1) for d in options.pop("domains", ())]
        options = {"ir_version": 8, "producer_name": "test"} | options
        return helper.make_model(graph, opset_imports=opsets, **options)

    return make


@pytest.fixture
def facts(build, tmp_path):
    """Nodes, or a whole model -> its facts."""

    def inspect(nodes, *args, **options):
        whole = isinstance(nodes, onnx.ModelProto)
        model = nodes if whole else build(nodes, *args, **options)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return inspect_model(path)

    return inspect
