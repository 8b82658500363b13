"""One small model, what it is fed, and what it must answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx

    from harness.core.protocols import Array

# Read by every onnxruntime of the last years; `Gelu` alone needs the newer operators.
OPSET = 18
_IR = 8


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A model with its right answer.

    Attributes:
        model: Serialized; its one output is called ``y``.
        feeds: Input name -> array.
        expected: What it must answer.
    """

    model: bytes
    feeds: Mapping[str, Array]
    expected: Array


@dataclass(frozen=True, slots=True)
class Specimen:
    """A known drift, and the model that shows it.

    Attributes:
        name: Short; it stands in reports.
        tells: What a wrong answer means, in one line.
        build: Makes the trial.
        tolerance: Largest error that is rounding.
    """

    name: str
    tells: str
    build: Callable[[], Trial]
    tolerance: float = 1e-5


def node(op: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node; `inputs` are names between blanks, ``-`` leaves one out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, [output], **attributes)


def trial(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, Array],
    expected: Array,
    constants: Mapping[str, Array] | None = None,
    opset: int = OPSET,
) -> Trial:
    """A model of some nodes, the last of which answers ``y``."""
    graph = helper.make_graph(
        list(nodes),
        "canary",
        [_described(name, array) for name, array in feeds.items()],
        [_described("y", expected)],
        [numpy_helper.from_array(a, name) for name, a in (constants or {}).items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_IR
    )
    return Trial(bytes(model.SerializeToString()), feeds, expected)


def _described(name: str, array: Array) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, array.shape)
