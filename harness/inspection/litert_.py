"""Facts of a LiteRT (TensorFlow Lite) model, read from its FlatBuffer.

Slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.model_facts import Signature
from harness.core.protocols import TensorSpec
from harness.formats.flat import root
from harness.formats.litert_names import DTYPES, OPERATORS
from harness.formats.malformed import Malformed
from harness.formats.wire import mapped
from harness.inspection.litert_metadata import conversion_of, preprocessing_of
from harness.inspection.litert_quantization import Scales, quantization_of
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.flat import Table

_FLEX = "Flex"
_DELEGATE = "DELEGATE"
_CUSTOM = "CUSTOM"


@dataclass(frozen=True, slots=True)
class LiteTensor:
    """One tensor of a graph.

    Attributes:
        spec: Name, dtype and shape, None where it is free.
        is_constant: Whether the file holds its values.
        scales: How its numbers stand for real ones.
    """

    spec: TensorSpec
    is_constant: bool
    scales: Scales


def inspect_litert(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.tflite`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        return _Model(root(data), data).facts(facts)


class _Model:
    def __init__(self, model: Table, data: memoryview) -> None:
        self.version = model.integer(0, "I")
        self.description = model.text(3)
        self._model = model
        self._data = data
        self._filled = [_is_filled(buffer) for buffer in model.tables(4)]
        self._names = [_operator_name(code) for code in model.tables(1)]
        self.graphs = list(model.tables(2))
        if not self.graphs:
            raise Malformed("it has no graph")
        self.tensors = [list(map(self._tensor, g.tables(0))) for g in self.graphs]
        self.operators = counted(self._operators())

    def facts(self, facts: ModelFacts) -> ModelFacts:
        metadata = {m.text(0): m.integer(1, "I") for m in self._model.tables(6)}
        blocks = {name: self._buffer(index) for name, index in metadata.items()}
        producer = conversion_of(blocks.get("CONVERSION_METADATA"))
        main = self.tensors[0]
        inputs = _picked(main, self.graphs[0].integers(1, "i"))
        outputs = _picked(main, self.graphs[0].integers(2, "i"))
        constants = [t for graph in self.tensors for t in graph if t.is_constant]
        weights = Weights()
        for tensor in constants:
            dtype = tensor.spec.dtype
            # Whole numbers without a scale are shapes and axes.
            counts = dtype not in {"int32", "int64"} or bool(tensor.scales.scales)
            weights.add(dtype, _shape(tensor), is_parameter=counts)
        return replace(
            facts,
            version=f"schema {self.version}",
            producer=producer or self.description or None,
            inputs=tuple(t.spec for t in inputs),
            outputs=tuple(t.spec for t in outputs),
            signatures=tuple(self._signatures()),
            operators=self.operators,
            n_parameters=weights.n_parameters,
            bytes_by_dtype=weights.bytes_by_dtype,
            quantization=quantization_of(
                [(t.spec, t.scales) for t in constants],
                [t.spec.dtype for t in (*inputs, *outputs)],
                self.operators,
            ),
            value_hints=(
                *(h for t in (*inputs, *outputs) if (h := t.scales.hint(t.spec))),
                *preprocessing_of(blocks.get("TFLITE_METADATA")),
            ),
            metadata=_texts(blocks),
            input_ranges={
                t.spec.name: ends for t in inputs if (ends := t.scales.ends(t.spec))
            },
            safety=tuple(_safety(self.operators)),
            portability=traps_in(self.operators),
        )

    def _tensor(self, table: Table) -> LiteTensor:
        shape = table.integers(7, "i") or table.integers(0, "i")
        lengths = tuple(None if length < 0 else length for length in shape)
        kind = table.integer(1, "b")
        dtype = DTYPES[kind] if 0 <= kind < len(DTYPES) else f"type {kind}"
        buffer = table.integer(2, "I")
        return LiteTensor(
            spec=TensorSpec(table.text(3), dtype, lengths),
            is_constant=buffer < len(self._filled) and self._filled[buffer],
            scales=Scales.of(table.table(4)),
        )

    def _operators(self) -> Iterator[str]:
        for graph in self.graphs:
            for node in graph.tables(3):
                index = node.integer(0, "I")
                if index >= len(self._names):
                    raise Malformed(
                        f"a node has the operator {index}, which is not there"
                    )
                yield self._names[index]

    def _signatures(self) -> Iterator[Signature]:
        for table in self._model.tables(7):
            index = table.integer(4, "I")
            if index >= len(self.tensors):
                raise Malformed(f"a signature calls graph {index}, which is not there")
            ends = (tuple(_named(table, slot, self.tensors[index])) for slot in (0, 1))
            yield Signature(table.text(2), *ends)

    def _buffer(self, index: int) -> memoryview:
        for number, buffer in enumerate(self._model.tables(4)):
            if number == index:
                return buffer.block(0)
        return memoryview(b"")


def _is_filled(buffer: Table) -> bool:
    # Beyond 2 GiB the values lie after the FlatBuffer: offset and size tell.
    return bool(len(buffer.block(0)) or buffer.integer(1, "Q") > 1)


def _operator_name(code: Table) -> str:
    # The first byte is what files had before there were more than 127 operators.
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    name = OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"
    return f"{_CUSTOM}::{code.text(1)}" if name == _CUSTOM else name


def _picked(tensors: Sequence[LiteTensor], indices: Sequence[int]) -> list[LiteTensor]:
    if any(not 0 <= index < len(tensors) for index in indices):
        raise Malformed("a graph has an input or output that is no tensor of it")
    return [tensors[index] for index in indices]


def _named(
    table: Table, slot: int, tensors: Sequence[LiteTensor]
) -> Iterator[TensorSpec]:
    for pair in table.tables(slot):
        (tensor,) = _picked(tensors, [pair.integer(1, "I")])
        yield replace(tensor.spec, name=pair.text(0))


def _shape(tensor: LiteTensor) -> list[int]:
    return [n if isinstance(n, int) else 0 for n in tensor.spec.shape or ()]


def _safety(operators: dict[str, int]) -> Iterator[str]:
    custom = [
        n.removeprefix(f"{_CUSTOM}::") for n in operators if n.startswith(_CUSTOM)
    ]
    flex = sorted(name.removeprefix(_FLEX) for name in custom if name.startswith(_FLEX))
    own = sorted(name for name in custom if not name.startswith(_FLEX))
    if flex:
        yield (
            f"TensorFlow operators ({', '.join(flex[:5])}): they run in the Flex"
            " delegate, which is all of TensorFlow"
        )
    if own:
        yield (
            f"custom operators ({', '.join(own[:5])}) need a library of native code"
            " to be registered"
        )
    if _DELEGATE in operators:
        yield "a delegate's node holds code for one kind of hardware"


def _texts(blocks: dict[str, memoryview]) -> dict[str, str]:
    """Metadata that is short plain text: versions."""
    texts = {}
    for name, block in sorted(blocks.items()):
        text = bytes(block[:64]).rstrip(b"\0").decode("ascii", errors="replace")
        if text and text.isprintable() and len(block) < 64:
            texts[name] = text
    return texts
