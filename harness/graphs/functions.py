"""Which function of one number a few nodes compute, however they spell it.

The nodes are evaluated on a grid, and the grid's answer is recognised: a GELU that is
written out, a HardSwish of HardSigmoid and Mul, a Relu6 that is a Clip or a Min.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from scipy.special import erf, expit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.core.protocols import Array, FloatArray
    from harness.graphs.model import Graph, Node

# Every half is among them, so that ways to round are told apart.
_FINE = np.linspace(-8, 8, 641)
_FAR = np.array([12.0, 20.0, 45.0, 100.0, 1e3, 1e4])
GRID: FloatArray = np.concatenate([-_FAR[::-1], _FINE, _FAR])
_TOLERANCE = 2e-5
_UNABLE = (
    *(NotImplementedError, RuntimeError, TypeError, ValueError, LookupError),
    *(AttributeError, AssertionError),
)
_GELU_OPSET = 20
_GELUS = frozenset({"Gelu", "FastGelu"})
_INFINITY = float("inf")
_CUBIC = 0.044715


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one number.

    Attributes:
        family: linear, clip, leaky_relu, ...
        parameters: Its slope, limits, ..., to five significant digits.
    """

    family: str
    parameters: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """As it is called in a sentence."""
        if self.family == "clip":
            return _clip_text(*self.parameters)
        if self.family == "linear":
            return _linear_text(*self.parameters)
        name = _NAMES.get(self.family, self.family)
        if not self.parameters:
            return name
        return f"{name}({', '.join(f'{p:.4g}' for p in self.parameters)})"

    @property
    def is_identity(self) -> bool:
        """Whether nothing is done."""
        return self == IDENTITY


IDENTITY = Function("linear", (1.0, 0.0))
UNNAMED = Function("another function")
_NAMES = {
    "gelu": "GELU (erf)",
    "gelu_tanh": "GELU (tanh)",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "celu": "Celu",
    "selu": "Selu",
    "thresholded_relu": "ThresholdedRelu",
    "hard_sigmoid": "HardSigmoid",
    "hard_swish": "HardSwish",
    "half_up": "rounding halves up",
    "round": "rounding halves to even",
}


def _clip_text(low: float, high: float) -> str:
    if low == 0 and high == _INFINITY:
        return "Relu"
    return f"a limit to [{low:g}, {high:g}]"


def _linear_text(gain: float, offset: float) -> str:
    if gain == 1 and offset == 0:
        return "nothing"
    parts = [f"times {gain:.6g}"] if gain != 1 else []
    parts += [f"plus {offset:.6g}"] if offset else []
    return " ".join(parts)


def evaluated(
    graph: Graph, nodes: Sequence[Node], source: str, end: str
) -> FloatArray | None:
    """What nodes make of the grid, in float32; None where that cannot be told.

    Args:
        graph: Holds their constants.
        nodes: In topological order, reading `source` and constants of one element.
        source: The value that they start from.
        end: The value that they end in.
    """
    if any(len(node.outputs) > 1 or not _is_known(node) for node in nodes):
        return None
    fixed = _constants(graph, nodes, source)
    if fixed is None:
        return None
    made = [_plain(node) for node in nodes]
    names = [onnx.ValueInfoProto(name=name) for name in (source, *fixed)]
    inner = onnx.helper.make_graph(
        made, "function", names, [onnx.ValueInfoProto(name=end)]
    )
    gelu = any(node.op_type in _GELUS for node in nodes)
    opset = max(graph.opset, _GELU_OPSET) if gelu else graph.opset
    imports = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(inner, opset_imports=imports)
    feeds = {source: GRID.astype(np.float32), **fixed}
    with np.errstate(all="ignore"):
        try:
            (answer,) = ReferenceEvaluator(model).run(None, feeds)
        except _UNABLE:
            # Not every operator of every version has a reference implementation.
            return None
    array = np.asarray(answer, np.float64)
    return array if array.shape == GRID.shape else None


def _constants(
    graph: Graph, nodes: Sequence[Node], source: str
) -> dict[str, Array] | None:
    made = {name for node in nodes for name in node.outputs} | {source}
    read = {name for node in nodes for name in node.inputs if name} - made
    found = {}
    for name in sorted(read):
        array = graph.constant(name)
        if array is None or array.size != 1:
            return None
        found[name] = array.reshape(()).astype(
            np.float32 if array.dtype.kind == "f" else array.dtype
        )
    return found


def _is_known(node: Node) -> bool:
    """Whether it is ONNX's own, or one of onnxruntime's that means the same."""
    return not node.domain or (node.op_type in _GELUS and len(node.inputs) == 1)


def _plain(node: Node) -> onnx.NodeProto:
    """The node, without casts: half precision would blur what is meant."""
    if node.op_type == "Cast":
        return onnx.helper.make_node("Identity", node.inputs, node.outputs)
    if node.op_type == "FastGelu":
        form = {"approximate": "tanh"}
        return onnx.helper.make_node("Gelu", node.inputs, node.outputs, **form)
    return onnx.helper.make_node(
        node.op_type, node.inputs, node.outputs, **node.attributes
    )


def recognise(x: FloatArray, y: FloatArray) -> Function | None:
    """The named function with these values; None for none.

    Args:
        x: Where it was evaluated, ascending.
        y: What it answered.
    """
    for option, compute in _options(x, y):
        with np.errstate(all="ignore"):
            wanted = compute(x)
        if _close(y, wanted):
            return option
    return None


def _close(y: FloatArray, wanted: FloatArray) -> bool:
    told = np.isfinite(y) & np.isfinite(wanted)
    if told.mean() < 0.9:
        return False
    gap = np.abs(y[told] - wanted[told])
    return bool((gap <= _TOLERANCE * np.maximum(1, np.abs(wanted[told]))).all())


_Option = tuple[Function, "Callable[[FloatArray], FloatArray]"]


def _options(x: FloatArray, y: FloatArray) -> Iterator[_Option]:
    yield from _straight(x, y)
    yield from _bent(x, y)
    for name, function in _SMOOTH.items():
        yield Function(name), function
    yield from _gated(x, y)


def _straight(x: FloatArray, y: FloatArray) -> Iterator[_Option]:
    zero, gain = _at(x, y, 0.0), _at(x, y, 1.0) - _at(x, y, 0.0)
    shown = _rounded(gain), _rounded(zero)
    yield Function("linear", shown), lambda v: gain * v + zero
    low = -_INFINITY if y.min() <= x.min() else float(y.min())
    high = _INFINITY if y.max() >= x.max() else float(y.max())
    if low < high:
        limits = _rounded(low), _rounded(high)
        yield Function("clip", limits), lambda v: np.clip(v, low, high)
    slope = _at(x, y, 0.5) - _at(x, y, -0.5)
    yield (
        Function("hard_sigmoid", (_rounded(slope), _rounded(zero))),
        lambda v: np.clip(slope * v + zero, 0, 1),
    )


def _bent(x: FloatArray, y: FloatArray) -> Iterator[_Option]:
    """Functions that are a line on the right."""
    slope, left, right = -_at(x, y, -1.0), -float(y[0]), _at(x, y, 1.0)
    if slope == -1:
        yield Function("abs"), np.abs
    yield (
        Function("leaky_relu", (_rounded(slope),)),
        lambda v: np.where(v < 0, slope * v, v),
    )
    yield (
        Function("elu", (_rounded(left),)),
        lambda v: np.where(v < 0, left * np.expm1(np.minimum(v, 0)), v),
    )
    if left > 0:
        yield (
            Function("celu", (_rounded(left),)),
            lambda v: np.where(v < 0, left * np.expm1(np.minimum(v, 0) / left), v),
        )
    if right > 0:
        yield (
            Function("selu", (_rounded(left / right), _rounded(right))),
            lambda v: np.where(v < 0, left * np.expm1(np.minimum(v, 0)), right * v),
        )
    silent = x[(y == 0) & (x > 0)]
    if silent.size:
        least = float(silent.max())
        shown = Function("thresholded_relu", (_rounded(least),))
        yield shown, lambda v: np.where(v > least, v, 0.0)


def _gated(x: FloatArray, y: FloatArray) -> Iterator[_Option]:
    """Products of x and a gate of x."""
    share = y / np.where(x == 0, 1.0, x)
    left, right = _at(x, share, -0.5), _at(x, share, 0.5)
    slope, middle = right - left, (right + left) / 2
    yield (
        Function("hard_swish", (_rounded(slope), _rounded(middle))),
        lambda v: v * np.clip(slope * v + middle, 0, 1),
    )
    gate = _at(x, share, 1.0)
    if 0.5 < gate < 1:
        steep = float(np.log(gate / (1 - gate)))
        shown = _rounded(steep)
        told = Function("silu") if shown == 1 else Function("silu", (shown,))
        yield told, lambda v: v * expit(steep * v)


_SMOOTH: dict[str, Callable[[FloatArray], FloatArray]] = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "gelu": lambda v: 0.5 * v * (1 + erf(v / np.sqrt(2))),
    "gelu_tanh": lambda v: (
        0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + _CUBIC * v**3)))
    ),
    "softplus": lambda v: np.logaddexp(v, 0),
    "softsign": lambda v: v / (1 + np.abs(v)),
    "mish": lambda v: v * np.tanh(np.logaddexp(v, 0)),
    "erf": erf,
    "round": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "half_up": lambda v: np.floor(v + 0.5),
    "square": np.square,
    "exp": np.exp,
}


def _at(x: FloatArray, y: FloatArray, place: float) -> float:
    return float(y[int(np.argmin(np.abs(x - place)))])


def _rounded(number: float) -> float:
    """To five digits: what float32 left of a decimal number."""
    return float(f"{number:.5g}") if np.isfinite(number) else number
