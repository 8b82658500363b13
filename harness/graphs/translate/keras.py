"""Keras models as ONNX: from their configuration and weights, without Keras."""

from __future__ import annotations

from collections import Counter
from itertools import chain as joined
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.formats.malformed import Malformed
from harness.graphs.translate.emitter import Emitter
from harness.graphs.translate.keras_attention import ATTENTION
from harness.graphs.translate.keras_call import KerasCall
from harness.graphs.translate.keras_maps import MAPS
from harness.graphs.translate.keras_model import model_of, read_keras
from harness.graphs.translate.keras_recurrent import RECURRENT
from harness.graphs.translate.keras_windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.graphs.translate.keras_model import (
        History,
        KerasLayer,
        KerasModel,
        Stored,
    )
    from harness.graphs.translate.translation import Translation

_LAYERS = {**WINDOWS, **MAPS, **RECURRENT, **ATTENTION}
# What a layer is called with, by position or by the usual name.
_FIRST = ("", "inputs")
_MODELS = frozenset({"Functional", "Model", "Sequential"})


def translate(path: Path) -> Translation:
    """A ``.keras`` archive, or an HDF5 file of a whole model, as ONNX.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: Its arrays lie in other files.
        MissingDependencyError: h5py is not installed.
        UnsupportedFormatError: It has layers that are not translated, which the
            message names.
    """
    try:
        model, stored = read_keras(path)
        _require(path, model)
        return _translated(model, stored)
    except (OSError, Malformed, KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"cannot read {path} as a Keras model: {error}",
            hint="save the model again by Keras",
        ) from error


def _require(path: Path, model: KerasModel) -> None:
    counts = Counter(layer.kind for layer in _all_layers(model))
    unknown = [f"{kind} ({n})" for kind, n in sorted(counts.items()) if _strange(kind)]
    if unknown:
        raise UnsupportedFormatError(
            f"{path} is not translated to ONNX: {', '.join(unknown)}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )


def _strange(kind: str) -> bool:
    return kind not in _LAYERS and kind not in _MODELS and kind != "InputLayer"


def _all_layers(model: KerasModel) -> Iterator[KerasLayer]:
    for layer in model.layers:
        yield layer
        if layer.kind in _MODELS:
            yield from _all_layers(model_of(layer.config))


def _translated(model: KerasModel, stored: Stored) -> Translation:
    e = Emitter()
    names = list(_told([layer for layer, _, _ in model.outputs]))
    inputs = [layer for layer, _, _ in model.inputs]
    e.reserve([*inputs, *names])
    layers = {layer.name: layer for layer in model.layers}
    feeds = [_feed(e, layers[name]) for name in inputs]
    answers = _Walk(e, stored).model(model, feeds, ())
    for name, answer, (layer, _, _) in zip(names, answers, model.outputs, strict=True):
        with e.node(layer):
            e.output(name, answer, "float32", None)
    outputs = {name: h[0] for name, h in zip(names, model.outputs, strict=True)}
    return e.finish({name: name for name in inputs}, outputs)


def _told(layers: list[str]) -> Iterator[str]:
    """Names of answers: of their layers, numbered where one gives several."""
    found: set[str] = set()
    for layer in layers:
        more = (f"{layer}_{number}" for number in count(1))
        name = next(n for n in joined([layer], more) if n not in found)
        found.add(name)
        yield name


def _feed(e: Emitter, layer: KerasLayer) -> str:
    config = layer.config
    shape: Any = config.get("batch_shape", config.get("batch_input_shape"))
    dtype = config.get("dtype")
    if not isinstance(shape, list):
        raise Malformed(f"the input {layer.name!r} has no shape")
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    lengths = [
        n if n is not None else "batch" if axis == 0 else f"{layer.name}_{axis}"
        for axis, n in enumerate(shape)
    ]
    return e.input(layer.name, str(dtype or "float32"), lengths)


class _Walk:
    """Calls layers as soon as what they are called with is there.

    Args:
        e: Where nodes go.
        stored: The arrays.
    """

    def __init__(self, e: Emitter, stored: Stored) -> None:
        self._e = e
        self._stored = stored

    def model(
        self, model: KerasModel, feeds: list[str], inside: tuple[str, ...]
    ) -> list[str]:
        """Names of a model's answers.

        Args:
            model: The model.
            feeds: What its input layers stand for.
            inside: Names of the models that it is in.
        """
        values: dict[History, str] = dict(zip(model.inputs, feeds, strict=True))
        waiting = [
            (layer, number)
            for layer in model.layers
            if layer.kind != "InputLayer"
            for number in range(len(layer.calls))
        ]
        while waiting:
            later = []
            for layer, number in waiting:
                if all(feed.history in values for feed in layer.calls[number]):
                    self._call(layer, number, (values, inside))
                else:
                    later.append((layer, number))
            if len(later) == len(waiting):
                raise Malformed(f"layer {later[0][0].name!r} waits for what nobody is")
            waiting = later
        return [values[history] for history in model.outputs]

    def _call(
        self,
        layer: KerasLayer,
        number: int,
        place: tuple[dict[History, str], tuple[str, ...]],
    ) -> None:
        values, inside = place
        chain = (*inside, layer.name)
        feeds = layer.calls[number]
        operands = [values[f.history] for f in feeds if f.word in _FIRST]
        if layer.kind in _MODELS:
            answers = self.model(model_of(layer.config), operands, chain)
        else:
            with self._e.node("/".join(chain)):
                call = KerasCall(
                    e=self._e,
                    layer=layer,
                    number=number,
                    operands=tuple(operands),
                    weights=self._stored.of(chain),
                    named={
                        f.word: values[f.history] for f in feeds if f.word not in _FIRST
                    },
                    inner=lambda word: self._stored.of((*chain, word)),
                )
                if call.named and layer.kind not in ATTENTION:
                    raise call.refused(f"it is given {', '.join(sorted(call.named))}")
                answers = [_LAYERS[layer.kind](call)]
        # Keras counts the calls of a model inside another from 1 on in some versions.
        for at, answer in enumerate(answers):
            values[(layer.name, number, at)] = answer
