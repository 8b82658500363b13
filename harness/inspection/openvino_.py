"""Facts of an OpenVINO model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.model_facts import DataFile, Quantization
from harness.core.protocols import TensorSpec
from harness.formats.openvino_xml import Network, dtype_name, lengths_of
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from harness.core.model_facts import Granularity, ModelFacts, QuantizationScheme
    from harness.formats.openvino_xml import Layer

_NARROW = frozenset({"int4", "int8", "uint4", "uint8"})
_INDICES = frozenset({"bool", "int32", "int64", "str"})
_RUNTIME = ("Runtime_version", "OpenVINO Runtime")


def inspect_openvino(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an ``.xml`` file; of the ``.bin`` beside it, its size.

    Raises:
        Malformed: It is cut short, damaged or out of all bounds.
        OSError: It cannot be read.
    """
    network = Network(path)
    layers = [layer for layer in network.layers if layer.type != "Const"]
    constants = [layer for layer in network.layers if layer.type == "Const"]
    weights = Weights()
    for layer in constants:
        dtype = dtype_name(layer.data.get("element_type", ""))
        lengths = lengths_of(layer.data.get("shape", ""))
        weights.add(dtype, lengths, is_parameter=dtype not in _INDICES)
    producer = next((network.facts[k] for k in _RUNTIME if k in network.facts), None)
    operators = counted(layer.type for layer in layers)
    weight_file = path.with_suffix(".bin")
    size = weight_file.stat().st_size if weight_file.is_file() else None
    return replace(
        facts,
        version=f"IR {network.version}",
        producer=f"openvino {producer}" if producer else None,
        inputs=tuple(_ends(network.layers, "Parameter")),
        outputs=tuple(_ends(network.layers, "Result")),
        operators=operators,
        opset_imports=counted_versions(network.layers),
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        quantization=_quantization(constants, operators),
        data_files=(DataFile(weight_file.name, size),),
        safety=tuple(_safety(network.layers)),
        portability=traps_in(operators),
        metadata=dict(sorted(network.facts.items())),
    )


def counted_versions(layers: Iterable[Layer]) -> dict[str, int]:
    """Operator sets that layers come from, and how many layers of each."""
    return counted(layer.version or "without a set" for layer in layers)


def _ends(layers: Iterable[Layer], kind: str) -> Iterator[TensorSpec]:
    for layer in layers:
        if layer.type == kind and not layer.depth:
            name = layer.port_name.split(",")[0] or layer.name.removesuffix(
                "/sink_port_0"
            )
            yield TensorSpec(name, dtype_name(layer.precision), tuple(layer.lengths))


def _quantization(
    constants: Iterable[Layer], operators: dict[str, int]
) -> Quantization:
    found = [dtype_name(layer.data.get("element_type", "")) for layer in constants]
    n_narrow = sum(dtype in _NARROW for dtype in found)
    granularity: Granularity | None = None
    scheme: QuantizationScheme = "none"
    if "FakeQuantize" in operators:
        scheme = "fake quantized"
    elif n_narrow:
        scheme = "weights only"
    elif "float16" in found:
        scheme = "float16 weights"
    return Quantization(scheme, granularity, n_narrow)


def _safety(layers: Iterable[Layer]) -> Iterator[str]:
    kinds = {(layer.version, layer.type) for layer in layers}
    odd = sorted(
        {v for v, _ in kinds if v and not v.startswith(("opset", "experimental"))}
    )
    for version in odd:
        names = sorted(kind for found, kind in kinds if found == version)
        yield (
            f"layers of {version} ({', '.join(names[:5])}) need a library of native"
            " code to be added"
        )
