"""A Keras model as a call on arrays by name, the way that Keras itself runs it."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, Any

from harness.backends.tensorflow_calls import ModelCall
from harness.backends.texts import decoded
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from harness.core.protocols import Array, Arrays


def keras_call(model: Any) -> ModelCall:
    """Its call without training, and the specs of what goes in and out.

    Args:
        model: A Keras model that knows its inputs.
    """
    return ModelCall(
        inputs=tuple(_spec(tensor.name, tensor) for tensor in model.inputs),
        outputs=tuple(map(_spec, _output_names(model), model.outputs)),
        call=_Call(model),
    )


class _Call:
    """Arrays by name -> the model's own structure of inputs, and back."""

    def __init__(self, model: Any) -> None:
        import keras

        self._keras = keras
        self._model = model
        self._inputs = [tensor.name for tensor in model.inputs]
        self._outputs = _output_names(model)
        # A Sequential takes one tensor; a functional model what it was built from.
        sequential = isinstance(model, keras.Sequential)
        self._structure = model.inputs[0] if sequential else model.input

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        tree, convert = self._keras.tree, self._keras.ops.convert_to_numpy
        arrays = [feeds[name] for name in self._inputs]
        structured = tree.pack_sequence_as(self._structure, arrays)
        answers = tree.flatten(self._model(structured, training=False))
        pairs = zip(self._outputs, answers, strict=True)
        return {name: decoded(convert(answer)) for name, answer in pairs}


def _output_names(model: Any) -> list[str]:
    """Names of the layers that answer: a Keras model has no other output names.

    A layer of several outputs, as one that gives its state, is told as Keras 2 told
    it: "lstm", "lstm_1", "lstm_2".
    """
    names: list[str] | None = getattr(model, "output_names", None)
    found: list[str] = []
    for name in [model.layers[-1].name] if names is None else names:
        more = (f"{name}_{number}" for number in count(1))
        found.append(next(n for n in chain([name], more) if n not in found))
    return found


def _spec(name: str, tensor: Any) -> TensorSpec:
    dtype = "str" if tensor.dtype == "string" else str(tensor.dtype)
    return TensorSpec(name, dtype, tuple(tensor.shape))
