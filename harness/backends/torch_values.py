"""Between arrays by name and the tensors, in whatever structure, of a PyTorch model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.protocols import Array, Arrays

# What a specification says where the file tells no dtype, and what is then taken.
ANY = "any"
NUMBERS = (
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64"),
)


@dataclass(frozen=True, slots=True)
class TorchModel:
    """One form's model, loaded.

    Attributes:
        inputs: As `Session.inputs`; dtype "any" and no shape where nobody tells.
        answer: Called with tensors by input name; answers in the model's structure.
        outputs: As `Session.outputs`; None where only a run tells.
        facts: For the record.
    """

    inputs: tuple[TensorSpec, ...]
    answer: Callable[[dict[str, Any]], Any]
    outputs: tuple[TensorSpec, ...] | None = None
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)


class TorchCall:
    """Arrays by name -> the model -> arrays by name.

    Args:
        model: The model.
        threads: Of one operator; 0 leaves the process's own. The setting is the
            process's, so it is made before each batch.
    """

    def __init__(self, model: TorchModel, threads: int) -> None:
        self._answer = model.answer
        self._threads = threads

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Answer one batch, with arrays of the caller's own."""
        if self._threads and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            answer = self._answer({name: as_tensor(a) for name, a in feeds.items()})
            return {name: _array(tensor) for name, tensor in flatten(answer)}


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Tensors of a model's answer, named by where they stand in it.

    One tensor is "output"; those of a tuple "output_0", "output_1"; those of a
    dictionary or a named tuple go by their keys.

    Raises:
        TypeError: There is something else than tensors in it.
    """
    if isinstance(value, torch.Tensor):
        yield name or "output", value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from flatten(item, f"{name}_{key}" if name else str(key))
    elif hasattr(value, "_fields"):
        yield from flatten(value._asdict(), name)
    elif isinstance(value, (tuple, list)):
        for index, item in enumerate(value):
            yield from flatten(item, f"{name or 'output'}_{index}")
    elif value is not None:
        where = f"output {name!r}" if name else "the model's answer"
        raise TypeError(f"{where} is of type {type(value).__name__}, no tensor")


def probed(model: TorchModel) -> tuple[TensorSpec, ...] | None:
    """What the model answers on zeros of one sample and of two: its outputs' specs.

    None where an input's dtype or an axis of it, the first aside, is not told.
    """
    if not all(_is_told(spec) for spec in model.inputs):
        return None
    call = TorchCall(model, 0)
    one, two = (call({s.name: _zeros(s, n) for s in model.inputs}) for n in (1, 2))
    return tuple(
        TensorSpec(name, answer.dtype.name, _common(answer.shape, two[name].shape))
        for name, answer in one.items()
    )


def dtype_name(dtype: Any) -> str:
    """Name of numpy's dtype for a torch dtype; bfloat16 is told as float32."""
    name = str(dtype).removeprefix("torch.")
    return "float32" if name == "bfloat16" else name


def as_tensor(array: Array) -> Any:
    """A tensor of its own memory."""
    # A copy: models may work in place, and golden data are everybody's.
    return torch.from_numpy(np.array(array, order="C"))


def _array(tensor: Any) -> Array:
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    # A copy: the tensor may be a buffer of the model, or a view of another answer.
    array: Array = np.array(tensor.detach().cpu().numpy(), order="C")
    return array


def _is_told(spec: TensorSpec) -> bool:
    inner = (spec.shape or ())[1:]
    return bool(spec.shape) and all(isinstance(size, int) for size in inner)


def _zeros(spec: TensorSpec, samples: int) -> Array:
    first, *inner = spec.shape or ()
    size = first if isinstance(first, int) else samples
    return np.zeros([size, *(n for n in inner if isinstance(n, int))], spec.dtype)


def _common(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(a if a == b else None for a, b in zip_longest(one, two))
