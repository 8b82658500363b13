"""LiteRT (TensorFlow Lite) models as ONNX.

What is quantized stays so: each int8 tensor is the answer of a QuantizeLinear, and
operators compute with the floats that codes stand for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.formats.malformed import Malformed
from harness.formats.wire import mapped
from harness.graphs.translate.emitter import Emitter
from harness.graphs.translate.lite_call import Call, Values, is_coded
from harness.graphs.translate.lite_layers import LAYERS, WEIGHTED
from harness.graphs.translate.lite_maps import MAPS
from harness.graphs.translate.lite_model import read_lite
from harness.graphs.translate.lite_recurrent import RECURRENT
from harness.graphs.translate.lite_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.graphs.translate.lite_model import LiteModel, LiteOperator, LiteTensor
    from harness.graphs.translate.translation import Translation

_OPERATORS = {**LAYERS, **MAPS, **RECURRENT, **SHAPES}
_QUANTIZED = frozenset({"int8", "uint8", "int16"})


def translate(path: Path) -> Translation:
    """A ``.tflite`` file as ONNX.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsupportedFormatError: It has operators that are not translated, which the
            message names.
    """
    try:
        with mapped(path) as data:
            model = read_lite(data)
            _require(path, model)
            return _translated(model)
    except (OSError, Malformed) as error:
        raise ModelLoadError(
            f"cannot read {path} as a LiteRT model: {error}",
            hint="convert the model again",
        ) from error


def _require(path: Path, model: LiteModel) -> None:
    """Refuse all that is not known at once, so that one look tells everything."""
    counts = Counter(operator.kind for operator in model.operators)
    unknown = [f"{kind} ({n})" for kind, n in sorted(counts.items()) if _unknown(kind)]
    unknown += [
        f"{tensor.dtype} codes" for tensor in model.tensors if _has_odd_codes(tensor)
    ][:1]
    if unknown:
        raise UnsupportedFormatError(
            f"{path} is not translated to ONNX: {', '.join(unknown)}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )


def _unknown(kind: str) -> bool:
    return kind not in _OPERATORS


def _has_odd_codes(tensor: LiteTensor) -> bool:
    return tensor.scales is not None and tensor.dtype == "int16"


def _translated(model: LiteModel) -> Translation:
    e = Emitter()
    e.reserve([*model.inputs, *model.outputs])
    values = Values(e, model.tensors)
    for name, index in model.inputs.items():
        _feed(values, name, index)
    for operator in model.operators:
        _operate(values, operator)
    for name, index in model.outputs.items():
        _answer(values, name, index)
    tensors = model.tensors
    return e.finish(
        {name: tensors[at].name for name, at in model.inputs.items()},
        {name: tensors[at].name for name, at in model.outputs.items()},
        {name: _step(tensors[at]) for name, at in model.outputs.items()},
        rounds=any(_rounds(operator, tensors) for operator in model.operators),
    )


def _rounds(operator: LiteOperator, tensors: Sequence[LiteTensor]) -> bool:
    """Whether any of its floats meet weights that are codes, or are rounded."""
    kinds = {is_coded(tensors[at]) for at in operator.inputs[:2] if at >= 0}
    mixed = operator.kind in WEIGHTED and len(kinds) > 1
    return mixed or operator.kind == "QUANTIZE"


def _feed(values: Values, name: str, index: int) -> None:
    """An input; of a quantized one the floats, as a session takes them."""
    tensor = values.tensors[index]
    dtype = "float32" if is_coded(tensor) else tensor.dtype
    lengths = [_length(n, axis) for axis, n in enumerate(tensor.lengths)]
    with values.e.node(tensor.name):
        values.put_floats(index, values.e.input(name, dtype, lengths))


def _length(n: int | None, axis: int) -> int | str:
    return n if n is not None else "batch" if axis == 0 else f"free_{axis}"


def _operate(values: Values, operator: LiteOperator) -> None:
    name = next((values.tensors[at].name for at in operator.outputs if at >= 0), "")
    with values.e.node(name):
        answers = _OPERATORS[operator.kind](Call(operator, values))
        known = (answers,) if isinstance(answers, str) else answers
        for index, answer in zip(operator.outputs, known, strict=False):
            values.put_floats(index, answer)


def _answer(values: Values, name: str, index: int) -> None:
    tensor = values.tensors[index]
    dtype = "float32" if is_coded(tensor) else tensor.dtype
    with values.e.node(tensor.name):
        values.e.output(name, values.floats(index), dtype, len(tensor.shape))


def _step(tensor: LiteTensor) -> float:
    if tensor.scales is None or tensor.dtype not in _QUANTIZED:
        return 0.0
    return float(tensor.scales.scale.max())
