"""How far one file's answers move without any fault: rounding, told by experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from harness.comparison import distance
from harness.core.errors import ComparisonError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.core.protocols import Arrays, RunFile

LEVEL = "graph_optimization_level"
PLAIN = {LEVEL: "disable"}
_HALVES = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
_QUANTIZES = ("QuantizeLinear", "DynamicQuantizeLinear", "QLinear", "Integer")


@dataclass(frozen=True, slots=True)
class Precision:
    """What a file's numbers are worth.

    Attributes:
        relative: Two sound runs of one file may part by this share of the largest
            output, whatever the network does.
        nudge: Share of the largest input that one rounding moves an input by.
        margin: Roundings on the way, over what one at the input does.
    """

    relative: float
    nudge: float
    margin: float


SINGLE = Precision(relative=1e-5, nudge=2.0**-24, margin=8)
HALF = Precision(relative=2.0**-9, nudge=2.0**-11, margin=8)
# Half a step of 8 bits. Integer kernels round elsewhere than Q/DQ pairs do.
CODES = Precision(relative=2.0**-7, nudge=0.5 / 255, margin=3)
# The same integer kernels on values that were added in another order: a code at a tie
# flips or does not, however far the value moved.
TIES = Precision(relative=1e-5, nudge=2.0**-24, margin=2)


def read_graph(source: Path | bytes) -> onnx.ModelProto:
    """The model of a file or of its bytes, without data that lies in other files.

    Raises:
        ModelLoadError: It is no ONNX.
    """
    try:
        if isinstance(source, bytes):
            return onnx.load_model_from_string(source)
        return onnx.load(source, load_external_data=False)
    except (OSError, DecodeError) as error:
        shown = "the model's bytes" if isinstance(source, bytes) else source
        raise ModelLoadError(
            f"{shown} cannot be read as ONNX: {error}",
            hint="export the model again",
        ) from error


def precision_of(model: onnx.ModelProto) -> Precision:
    """The coarsest arithmetic in a model."""
    if _has_ops(model, _QUANTIZES):
        return CODES
    if any(tensor.data_type in _HALVES for tensor in model.graph.initializer):
        return HALF
    return SINGLE


def multiplies_codes(model: onnx.ModelProto) -> bool:
    """Whether a runtime may compute in integers: some values are kept as codes.

    A product with weights that are codes is what it takes for integer kernels, which
    round what they are fed to codes as well.
    """
    return _has_ops(model, (*_QUANTIZES, "DequantizeLinear", "MatMulNBits"))


def _has_ops(model: onnx.ModelProto, marks: Sequence[str]) -> bool:
    """Whether the name of an operator holds one of these."""
    graphs = (model.graph, *model.functions)
    ops = {node.op_type for graph in graphs for node in graph.node}
    return any(mark in op for op in ops for mark in marks)


def plain_floor(outputs: Arrays, precision: Precision, atol: float) -> float:
    """Largest difference that is rounding by the size of the outputs alone."""
    largest = 0.0
    for array in outputs.values():
        if array.dtype.kind == "f":
            finite = np.abs(array[np.isfinite(array)])
            largest = max(largest, float(finite.max(initial=0.0)))
    return atol + precision.relative * largest


def measured_floor(
    run: RunFile, plain: Arrays, precision: Precision, atol: float
) -> float:
    """Largest difference that is rounding: what a nudge of the inputs does, too.

    Args:
        run: Runs the file.
        plain: Its answers without optimization.
        precision: Of the file.
        atol: Differences up to this never count.

    Raises:
        BackendError: The file does not run.
    """
    moved = distance(plain, run(PLAIN, nudge=precision.nudge)).max_abs_error
    return max(plain_floor(plain, precision, atol), precision.margin * moved)


def outputs_agree(
    reference: Arrays, candidate: Arrays, model: Path | None, atol: float = 1e-6
) -> bool:
    """Whether two models' answers part by no more than the candidate's arithmetic.

    Args:
        reference: Output name -> array; axis 0 counts samples.
        candidate: Likewise, under the reference's names.
        model: The candidate's ONNX file; None takes it for single precision.
        atol: Differences up to this never count.

    Raises:
        ModelLoadError: The file cannot be read.
    """
    precision = precision_of(read_graph(model)) if model else SINGLE
    try:
        apart = distance(reference, candidate).max_abs_error
    except ComparisonError:
        # Other shapes are drift whatever they hold.
        return False
    return apart <= plain_floor(reference, precision, atol)
