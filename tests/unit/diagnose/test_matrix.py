"""One file run in several ways: what matters is told, what is rounding is not."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnxruntime_ import open_bytes
from harness.diagnose import MatrixQuestion, Ways, run_matrix

node = helper.make_node
ROWS = np.random.default_rng(0).normal(0, 1, (24, 6)).astype(np.float32)
WEIGHT = np.random.default_rng(1).normal(0, 1, (6, 4)).astype(np.float32)


def model(*nodes, arrays=None):
    """``x`` (n, 6) -> ``y``."""
    known = {"w": WEIGHT, **(arrays or {})}
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in known.items()],
    )
    opset = helper.make_opsetid("", 18)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    return made.SerializeToString()


def dense():
    return model(node("MatMul", ["x", "w"], ["y"], "dense"))


def training_norm():
    """A batch norm that normalizes by the batch itself."""
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    norm = node(
        "BatchNormalization",
        ["d", "ones", "zeros", "zeros", "ones"],
        ["y", "mean", "var"],
        "norm",
        training_mode=1,
    )
    dense_ = node("MatMul", ["x", "w"], ["d"], "dense")
    return model(dense_, norm, arrays={"ones": ones, "zeros": zeros})


def dynamic():
    """8-bit codes with one scale a batch."""
    return model(
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "quantize"),
        node("DequantizeLinear", ["q", "s", "z"], ["d"], "back"),
        node("MatMul", ["d", "w"], ["y"], "dense"),
    )


@pytest.fixture
def table():
    """The matrix of a model, and its findings."""

    def asked(made, ways=None, batch_size=24, **changed):
        def run(options, batch_size=batch_size, nudge=0.0, taps=()):
            session = open_bytes(made, options)
            fed = ROWS * np.float32(1 + nudge)
            size = batch_size or 24
            try:
                parts = [
                    session.run({"x": fed[i : i + size]}, slice(i, i + size))["y"]
                    for i in range(0, len(fed), size)
                ]
            finally:
                session.close()
            return {"y": np.concatenate(parts)}

        question = MatrixQuestion(
            variant="candidate",
            model=made,
            outputs=run({}),
            run=run,
            ways=ways or Ways(batch_sizes=(1, 5)),
            deployed={"level": "all", "threads": 1, "batch_size": batch_size},
            **changed,
        )
        return run_matrix(question)

    return asked


def test_a_sound_file_is_alike_in_every_way(table):
    matrix, findings = table(dense())
    assert findings == ()
    ways = [(cell.axis, cell.value) for cell in matrix.cells]
    assert ways == [
        ("deployed", ""),
        *[("level", level) for level in ("disable", "basic", "extended", "layout")],
        ("threads", "2"),
        ("batch_size", "1"),
        ("batch_size", "5"),
    ]
    assert not any(cell.parts for cell in matrix.cells)
    assert matrix.n_samples == 24


@pytest.mark.parametrize(
    ("build", "named"), [(training_norm, "norm"), (dynamic, "quantize")]
)
def test_batch_dependence_is_named_with_its_node(table, build, named):
    matrix, (finding,) = table(build())
    assert (finding.code, finding.cause) == ("BAT001", "runtime.batch")
    assert finding.where.candidate_node == named
    assert "at batch size 1, 5 than as it is deployed" in finding.explanation
    assert [c.value for c in matrix.cells if c.parts] == ["1", "5"]


def test_a_level_that_matters_is_a_fusion(table):
    integers = model(
        node("Cast", ["x"], ["i"], "ints", to=TensorProto.INT32),
        node("Add", ["i", "hundred"], ["positive"], "positive"),
        node("Div", ["one", "positive"], ["inverse"], "inverse"),
        node("Mul", ["inverse", "by"], ["product"], "product"),
        node("Cast", ["product"], ["y"], "floats", to=TensorProto.FLOAT),
        arrays={
            "one": np.array(1, np.int32),
            "hundred": np.array(100, np.int32),
            "by": np.array([[1000]], np.int32),
        },
    )
    matrix, findings = table(integers)
    assert [f.code for f in findings] == ["FUS001"]
    assert [c.value for c in matrix.cells if c.parts] == ["disable"]


def test_a_way_that_does_not_work_is_told_and_no_finding(table):
    ways = Ways((), ("NoExecutionProvider",), (), ())
    matrix, findings = table(dense(), ways)
    assert findings == ()
    assert matrix.cells[1].max_abs_error is None
    assert "NoExecutionProvider" in matrix.cells[1].reason


def test_flips_are_counted_where_there_are_classes(table):
    matrix, _ = table(training_norm(), class_names=("a", "b", "c", "d"))
    flipped = {cell.value: cell.n_flipped for cell in matrix.cells}
    assert flipped[""] == 0
    assert flipped["1"] > 0
