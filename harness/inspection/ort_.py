"""Facts of a model in onnxruntime's own format, read from its FlatBuffer.

Slots are those of onnxruntime/core/flatbuffers/schema/ort.fbs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.formats.ort_parts import graphs_in, main_graph
from harness.formats.wire import mapped
from harness.inspection.onnx_tensors import dtype_name
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.flat import Table

_TENSOR = 1
_KNOWN_DOMAINS = ("", "ai.onnx", "com.microsoft")
_NOT_READ = ("quantization: its operators are in the list above",)
_NO_WEIGHTS = frozenset({"int64", "bool", "str", "unknown"})


def inspect_ort(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an ``.ort`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        return _facts(*main_graph(data), facts)


def _facts(session: Table, model: Table, graph: Table, facts: ModelFacts) -> ModelFacts:
    values = {value.text(0): _spec(value) for value in graph.tables(1)}
    weights = Weights()
    constants = set()
    for name, dtype, shape in _initializers(graph):
        constants.add(name)
        if dtype not in _NO_WEIGHTS:
            weights.add(dtype, shape)
    operators = counted(_operators(graph))
    parts = (text for text in (model.text(2), model.text(3)) if text != "None")
    return replace(
        facts,
        version=f"ORT format {session.text(0)}",
        producer=" ".join(parts).strip() or None,
        ir_version=model.integer(0, "q"),
        opset_imports={
            o.text(0) or "ai.onnx": o.integer(1, "q") for o in model.tables(1)
        },
        inputs=_specs([n for n in graph.texts(5) if n not in constants], values),
        outputs=_specs(graph.texts(6), values),
        operators=operators,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        metadata={p.text(0): p.text(1) for p in model.tables(9)},
        safety=tuple(_safety(operators)),
        portability=traps_in(operators),
        not_read=_NOT_READ,
    )


def _operators(main: Table) -> Iterator[str]:
    for graph in graphs_in(main):
        for node in graph.tables(2):
            domain = node.text(2)
            name = node.text(5)
            yield name if domain in {"", "ai.onnx"} else f"{domain}::{name}"


def _initializers(main: Table) -> Iterator[tuple[str, str, list[int]]]:
    for graph in graphs_in(main):
        for tensor in graph.tables(0):
            dtype = dtype_name(tensor.integer(3, "i"))
            yield tensor.text(0), dtype, tensor.integers(2, "q")


def _specs(names: list[str], values: dict[str, TensorSpec]) -> tuple[TensorSpec, ...]:
    return tuple(
        values.get(name) or TensorSpec(name, "unknown", None) for name in names
    )


def _spec(value: Table) -> TensorSpec:
    kind = value.table(2)
    tensor = kind.table(2) if kind and kind.integer(1, "B") == _TENSOR else None
    if tensor is None:
        return TensorSpec(value.text(0), "unknown", None)
    dtype = dtype_name(tensor.integer(0, "i"))
    shape = tensor.table(1)
    lengths = tuple(map(_length, shape.tables(0))) if shape else None
    return TensorSpec(value.text(0), dtype, lengths)


def _length(dimension: Table) -> int | str | None:
    value = dimension.table(0)
    if value is None:
        return None
    return (
        value.integer(1, "q") if value.integer(0, "b") == 1 else value.text(2) or None
    )


def _safety(operators: dict[str, int]) -> Iterator[str]:
    domains = sorted({name.partition("::")[0] for name in operators if "::" in name})
    for domain in domains:
        if not domain.startswith(("ai.onnx", "com.microsoft", "com.ms.")):
            yield (
                f"operators of the domain {domain} need a library of native code to be"
                " registered"
            )
