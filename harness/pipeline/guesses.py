"""What files suggest where nobody has said: kind, task, and which array goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.model_facts import ModelFacts
    from harness.core.protocols import GoldenSource, TensorSpec
    from harness.core.specs import Kind, Task

_FROZEN = frozenset({"graphdef", "graphdef-text"})
# Operators that onnxruntime's offline optimizer writes, and exporters do not.
_FUSED = ("com.microsoft::", "com.microsoft.nchwc::")
# A range that was seen on data ends a little before, or behind, the one that was meant.
_NEAR = 0.05
_UNKNOWN = frozenset({"any", "unknown"})


def guess_kind(form: str, facts: ModelFacts) -> Kind:
    """What was done to a candidate, as far as its file tells."""
    if is_quantized(facts):
        return "quantized"
    if form in _FROZEN:
        return "frozen"
    if form == "ort" or any(name.startswith(_FUSED) for name in facts.operators):
        return "optimized"
    return "converted"


def is_quantized(facts: ModelFacts) -> bool:
    """Whether the weights hold fewer bits than float32, whatever computes with them."""
    if facts.quantization is not None and facts.quantization.scheme != "none":
        return True
    halves = sum(facts.bytes_by_dtype.get(name, 0) for name in ("float16", "bfloat16"))
    return 2 * halves > sum(facts.bytes_by_dtype.values())


def guess_task(source: GoldenSource, outputs: Sequence[TensorSpec]) -> tuple[Task, str]:
    """The task, and what speaks for it.

    Scores are rows of two numbers or more, as many as there are classes where these
    are known; where a file does not tell its outputs, the labels decide.
    """
    if not source.has_labels and source.class_names is None:
        return "tensor", "the data have neither labels nor names of classes"
    shapes = [spec.shape for spec in outputs if spec.shape is not None]
    if not shapes:
        return "classification", "the data have labels or names of classes"
    n = None if source.class_names is None else len(source.class_names)
    for shape in shapes:
        width = shape[-1]
        if len(shape) == 2 and (width == n or n is None) and width != 1:
            return "classification", f"an output of {width} scores, and labels or names"
    return "tensor", "no output looks like one score a class"


def bind(
    golden: Sequence[TensorSpec], model: Sequence[TensorSpec]
) -> dict[str, str] | None:
    """Golden input name -> model input name, for those that differ.

    Returns:
        None where the model's inputs cannot be told from each other.
    """
    if len(golden) == len(model) == 1 or not model:
        return {}
    free = [spec for spec in model if spec.name not in {g.name for g in golden}]
    rest = [spec for spec in golden if spec.name not in {m.name for m in model}]
    bound = {}
    for wanted in free:
        alike = [spec for spec in rest if _plain(spec.name) == _plain(wanted.name)]
        fitting = alike or [spec for spec in rest if _fits(spec, wanted)]
        if len(fitting) != 1:
            return None
        bound[fitting[0].name] = wanted.name
        rest.remove(fitting[0])
    return bound


def transpose_of(golden: TensorSpec, model: TensorSpec) -> tuple[int, ...] | None:
    """The one order of axes that makes the data fit; None where none is needed or told.

    Channels move from the end to the front or the other way; other orders are not
    guessed.
    """
    if golden.shape is None or model.shape is None:
        return None
    rank = len(golden.shape)
    if rank < 3 or len(model.shape) != rank or _fits(golden, model):
        return None
    inner = tuple(range(1, rank))
    orders = ((0, rank - 1, *inner[:-1]), (0, *inner[1:], 1))
    fitting = [
        order
        for order in dict.fromkeys(orders)
        if _same(tuple(golden.shape[axis] for axis in order)[1:], model.shape[1:])
    ]
    return fitting[0] if len(fitting) == 1 else None


def dtype_of(golden: TensorSpec, model: TensorSpec) -> str | None:
    """The dtype that the data must be cast to; None where they fit as they are.

    Whole numbers are never made of real ones: what takes int8 has a scale of its own.
    """
    floats = ("float16", "float32", "float64")
    if golden.dtype == model.dtype or model.dtype in _UNKNOWN:
        return None
    return model.dtype if model.dtype in floats and golden.dtype != "str" else None


def scale_of(full: int, ends: tuple[float, float]) -> tuple[float, float] | None:
    """Scale and offset that make 0..full what a model takes.

    Args:
        full: The largest number that the data can hold.
        ends: The least and the largest number that the model tells apart.

    Returns:
        None where the model takes the data as they are, or anything but 0..1 or -1..1:
        means and deviations of channels are not guessed.
    """
    low, high = ends
    if full <= 1 or abs(high - 1.0) > _NEAR:
        return None
    if abs(low) <= _NEAR:
        return 1 / full, 0.0
    return (2 / full, -1.0) if abs(low + 1.0) <= _NEAR else None


def sizes(spec: TensorSpec) -> str:
    """Name, dtype and shape in a comment's words."""
    if spec.shape is None:
        return f"{spec.name!r} {spec.dtype}"
    inner = ", ".join("?" if size is None else str(size) for size in spec.shape)
    return f"{spec.name!r} {spec.dtype} ({inner})"


def _plain(name: str) -> str:
    """``serving_default_image:0`` -> ``image``."""
    return name.partition(":")[0].removeprefix("serving_default_").lower()


def _fits(golden: TensorSpec, model: TensorSpec) -> bool:
    if golden.shape is None or model.shape is None:
        return True
    alike = len(golden.shape) == len(model.shape)
    return alike and _same(golden.shape[1:], model.shape[1:])


def _same(
    golden: tuple[int | str | None, ...], model: tuple[int | str | None, ...]
) -> bool:
    pairs = zip(golden, model, strict=True)
    return all(not isinstance(theirs, int) or ours == theirs for ours, theirs in pairs)
