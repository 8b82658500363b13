"""Facts of a model as plain text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.core.model_facts import ModelFacts, Quantization, Signature
    from harness.core.protocols import TensorSpec

_WIDTH = 80
_LABEL = 14
# A space that lines are not wrapped at; written as a plain one.
_UNBROKEN = "\N{NO-BREAK SPACE}"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def render_facts(facts: ModelFacts) -> str:
    """A table, one fact a line, long ones wrapped; ends with a newline."""
    return "".join(
        f"{line}\n" for label, text in _rows(facts) for line in _row(label, text)
    )


def _rows(facts: ModelFacts) -> Iterator[tuple[str, str]]:
    yield "model", facts.path
    yield "form", facts.format
    yield "size", readable_size(facts.size_bytes)
    yield "sha256", facts.sha256
    if facts.producer:
        yield "written by", facts.producer
    if facts.version:
        yield "version", facts.version
    if facts.tags:
        yield "tags", ", ".join(facts.tags)
    if facts.ir_version is not None:
        yield "opsets", f"{_pairs(facts.opset_imports)} (IR {facts.ir_version})"
    yield from _several("inputs", map(_tensor, facts.inputs))
    yield from _several("outputs", map(_tensor, facts.outputs))
    yield from _several("signatures", map(_signature, facts.signatures))
    yield from _several("values", facts.value_hints)
    if facts.operators:
        yield "operators", _pairs(facts.operators, f"{_UNBROKEN}x")
    yield from _weights(facts)
    yield from _several("data files", _data_files(facts))
    # Where nothing was looked at, silence must not read as "nothing found".
    nothing = ("nothing found",)
    safe = nothing if facts.operators or facts.n_parameters is not None else ()
    portable = nothing if facts.operators else ()
    yield from _several("safety", facts.safety or safe)
    yield from _several("portability", facts.portability or portable)
    yield from _several("noted", (f"{k}: {v}" for k, v in facts.metadata.items()))
    yield from _several("not read", facts.not_read)


def _weights(facts: ModelFacts) -> Iterator[tuple[str, str]]:
    if facts.n_parameters is not None:
        yield "parameters", f"{facts.n_parameters:,}"
    if facts.bytes_by_dtype:
        sizes = (f"{k} {readable_size(v)}" for k, v in facts.bytes_by_dtype.items())
        yield "constants", ", ".join(sizes)
    if facts.quantization is not None:
        yield "quantization", _quantization(facts.quantization)


def _quantization(found: Quantization) -> str:
    if found.granularity is None:
        return found.scheme
    return f"{found.scheme}, {found.n_weights} weights, {found.granularity}"


def _data_files(facts: ModelFacts) -> Iterator[str]:
    for file in facts.data_files:
        size = file.size_bytes
        yield f"{file.location} ({'missing' if size is None else readable_size(size)})"


def _tensor(spec: TensorSpec) -> str:
    if spec.shape is None:
        return f"{spec.name}  {spec.dtype}, any shape"
    lengths = ", ".join("?" if n is None else str(n) for n in spec.shape)
    return f"{spec.name}  {spec.dtype} [{lengths}]"


def _signature(signature: Signature) -> str:
    sides = (signature.inputs, signature.outputs)
    fed, answered = (", ".join(map(_tensor, side)) or "nothing" for side in sides)
    return f"{signature.name}: {fed} -> {answered}"


def _pairs(values: Mapping[str, int], sign: str = _UNBROKEN) -> str:
    return ", ".join(f"{name}{sign}{value}" for name, value in values.items())


def readable_size(n_bytes: int) -> str:
    """Bytes in the unit that leaves one to four digits before the point."""
    size, unit = float(n_bytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _several(label: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        yield label, line
        # The label stands at the first line only.
        label = ""


def _row(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=label.ljust(_LABEL),
        subsequent_indent=" " * _LABEL,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]
