"""OpenVINO's intermediate representation as ONNX: the XML, and the ``.bin`` beside it.

Constants that stand behind decompression (float16, codes) are folded; codes stay codes
where ONNX has them. Only what the answers need is translated.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.formats.malformed import Malformed
from harness.formats.openvino_bin import dtype_of
from harness.formats.openvino_xml import Network, dtype_name
from harness.formats.wire import mapped
from harness.graphs.translate.emitter import Emitter
from harness.graphs.translate.openvino_call import IrCall, IrValue, computed_in
from harness.graphs.translate.openvino_folding import MOVED, folded
from harness.graphs.translate.openvino_layers import LAYERS
from harness.graphs.translate.openvino_maps import MAPS, REDUCTIONS
from harness.graphs.translate.openvino_model import IrModel, names_of, read_constant
from harness.graphs.translate.openvino_norms import NORMS
from harness.graphs.translate.openvino_recurrent import RECURRENT
from harness.graphs.translate.openvino_resize import RESIZES
from harness.graphs.translate.openvino_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from harness.formats.openvino_xml import Layer, Port
    from harness.graphs.translate.openvino_model import Source
    from harness.graphs.translate.translation import Translation

_OPERATORS: Mapping[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    **LAYERS,
    **MAPS,
    **NORMS,
    **RECURRENT,
    **REDUCTIONS,
    **RESIZES,
    **SHAPES,
}
_OWN = frozenset({"Const", "Parameter", "Result"})
# Weights moved out of their layers into constants with IR 10.
_OLDEST = 10
_DAMAGE = (Malformed, ValueError, IndexError, OverflowError, TypeError, OSError)


def translate(path: Path) -> Translation:
    """An ``.xml`` of OpenVINO as ONNX.

    Raises:
        ModelLoadError: It, or its ``.bin``, is missing, cut short or damaged.
        UnsupportedFormatError: It has layers that are not translated, which the
            message names.
    """
    with _reading(path):
        network = Network(path)
        if network.version.isdecimal() and int(network.version[:9]) < _OLDEST:
            raise Malformed(f"IR {network.version} keeps weights in another way")
        model = IrModel(network)
        layers = model.ordered(model.of_type(0, "Result"))
        if not layers:
            raise Malformed("it has no result")
        _require(path, layers)
        with _weights(path, layers) as data:
            return _Walk(model, data).translated(layers)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Damage of the files as the error that readers know."""
    try:
        yield
    except _DAMAGE as error:
        raise ModelLoadError(
            f"cannot read {path} as an OpenVINO model: {error}",
            hint="convert the model again, and keep its .xml and .bin together",
        ) from error


def _weights(path: Path, layers: Sequence[Layer]) -> AbstractContextManager[memoryview]:
    if any(layer.type == "Const" for layer in layers):
        return mapped(path.with_suffix(".bin"))
    return nullcontext(memoryview(b""))


def _require(path: Path, layers: Sequence[Layer]) -> None:
    """Refuse all that is not known at once, so that one look tells everything."""
    counts = Counter(layer.type for layer in layers if not _is_known(layer))
    if counts:
        unknown = ", ".join(f"{kind} ({n})" for kind, n in sorted(counts.items()))
        raise UnsupportedFormatError(
            f"{path} is not translated to ONNX: {unknown}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )


def _is_known(layer: Layer) -> bool:
    standard = layer.version.startswith("opset")
    return standard and (layer.type in _OPERATORS or layer.type in _OWN)


@dataclass(slots=True, eq=False)
class _Walk:
    """Translates layer by layer.

    Attributes:
        model: All layers.
        data: The ``.bin``.
        e: Where nodes go.
        values: What layers answered.
        rounds: Whether floats are rounded to few levels on their way.
    """

    model: IrModel
    data: memoryview
    e: Emitter = field(default_factory=Emitter)
    values: dict[Source, IrValue] = field(default_factory=dict)
    rounds: bool = False

    def translated(self, layers: Sequence[Layer]) -> Translation:
        """The whole model."""
        feeds = _named(self.model.of_type(0, "Parameter"), "input", _parameter_names)
        answers = _named(self.model.of_type(0, "Result"), "output", self._result_names)
        self.e.reserve([*feeds, *answers])
        for name, layer in feeds.items():
            self._feed(name, layer)
        for layer in layers:
            if layer.type not in _OWN - {"Const"}:
                self._answer(layer)
        for name, layer in answers.items():
            self._tell(name, layer)
        return self.e.finish(
            {name: layer.name for name, layer in feeds.items()},
            {name: layer.name for name, layer in answers.items()},
            rounds=self.rounds,
        )

    def _result_names(self, layer: Layer) -> list[str]:
        told = names_of(layer.answers)
        return told or names_of(self.model.port(self._source(layer)).names)

    def _source(self, layer: Layer) -> Source:
        source = next(iter(self.model.sources(layer)), None)
        if source is None:
            raise Malformed(f"result {layer.name!r} reads nothing")
        return source

    def _feed(self, name: str, layer: Layer) -> None:
        port = _only(layer)
        dtype, computed = dtype_name(port.precision), computed_in(port.precision)
        call = IrCall(self.e, layer, [])
        # Tells a type that numpy does not have.
        named = [_length(name, axis, n) for axis, n in enumerate(port.lengths)]
        if dtype == "bfloat16":
            raise call.refused("numpy has no bfloat16")
        with self.e.node(layer.name):
            fed = self.e.input(name, dtype, named)
            known = fed if dtype == computed else call.cast(fed)
        self.values[layer.key, 0] = IrValue(tuple(port.lengths), computed, known)

    def _answer(self, layer: Layer) -> None:
        operands = [
            None if source is None else self._value(layer, source)
            for source in self.model.sources(layer)
        ]
        call = IrCall(self.e, layer, operands)
        if layer.type == "Const":
            content = read_constant(layer, self.data)
            label = layer.name.removesuffix("_compressed")
            half = dtype_of(layer) == "float16"
            value = IrValue(content.shape, "", "", content, label, half=half)
            self._keep(layer, value)
        elif (found := folded(call)) is not None:
            content, codes = found
            half = call.operand().half and layer.type in MOVED
            name = layer.name
            value = IrValue(content.shape, "", "", content, name, codes, half)
            self._keep(layer, value)
        else:
            self._compute(call)

    def _keep(self, layer: Layer, value: IrValue) -> None:
        """A value that the file fixes."""
        assert value.content is not None
        value.dtype = value.content.dtype.name
        self.values[layer.key, 0] = value

    def _compute(self, call: IrCall) -> None:
        layer = call.layer
        self.rounds |= layer.type == "FakeQuantize"
        with self.e.node(layer.name):
            answers = _OPERATORS[layer.type](call)
        names = (answers,) if isinstance(answers, str) else answers
        for place, (port, name) in enumerate(zip(layer.outputs, names, strict=False)):
            dtype = computed_in(port.precision)
            value = IrValue(tuple(port.lengths), dtype, name)
            self.values[layer.key, place] = value

    def _value(self, layer: Layer, source: Source) -> IrValue:
        found = self.values.get(source)
        if found is None:
            made = self.model.layers[source[0]]
            call = IrCall(self.e, made, [])
            raise call.refused(f"{layer.name!r} reads its output {source[1]}")
        return found

    def _tell(self, name: str, layer: Layer) -> None:
        source = self._source(layer)
        value, port = self._value(layer, source), self.model.port(source)
        dtype = dtype_name(port.precision)
        with self.e.node(layer.name):
            known = value.name(self.e)
            if dtype != value.dtype:
                kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
                known = self.e.emit("Cast", known, to=kind)
            self.e.output(name, known, dtype, len(value.lengths))


def _named(
    layers: Sequence[Layer], noun: str, names: Callable[[Layer], list[str]]
) -> dict[str, Layer]:
    """Inputs or outputs under the names that a session gives them."""
    found: dict[str, Layer] = {}
    for place, layer in enumerate(layers):
        free = (name for name in names(layer) if name not in found)
        found[next(free, f"{noun}_{place}")] = layer
    return found


def _parameter_names(layer: Layer) -> list[str]:
    return names_of(_only(layer).names)


def _only(layer: Layer) -> Port:
    if not layer.outputs:
        raise Malformed(f"{layer.type} {layer.name!r} has no output")
    return layer.outputs[0]


def _length(name: str, axis: int, n: int | None) -> int | str:
    return n if n is not None else "batch" if axis == 0 else f"{name}_{axis}"
