"""Facts of forms that hold weights alone: OneFlow snapshots, TensorRT weight dumps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.formats.oneflow_meta import read_meta
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_MAX_VARIABLES = 100_000
_MAX_LINE = 1 << 30
_WIDTHS = {"float64": 8, "int64": 8, "float16": 2, "bfloat16": 2, "int16": 2}
_BYTES = frozenset({"bool", "int8", "uint8"})
_NO_GRAPH = "operators, inputs and outputs: it holds weights and no graph"
_UNFINISHED = "it has no snapshot_done: writing it was not finished"
_UNNAMED = "an engine is code for one GPU and one version of TensorRT: it tells nothing"


def inspect_oneflow(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a snapshot: a folder a variable.

    Raises:
        Malformed: A variable's shape cannot be read, or does not meet its numbers.
        OSError: It cannot be read.
    """
    weights = Weights()
    folders = sorted(p.parent for p in path.glob("*/meta"))
    if len(folders) > _MAX_VARIABLES:
        raise Malformed(f"it has more than {_MAX_VARIABLES:,} variables")
    for folder in folders:
        _variable(folder, weights)
    done = (path / "snapshot_done").is_file()
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=() if done else (_UNFINISHED,),
        not_read=(_NO_GRAPH,),
    )


def inspect_dump(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a weight dump: a count, then a name, a length and numbers a line.

    Raises:
        Malformed: It is cut short, or a line is not what its length says.
        OSError: It cannot be read.
    """
    weights = Weights()
    with path.open("rb") as stream:
        declared = stream.readline(64).strip()
        if not declared.isdigit():
            raise Malformed("its first line is no count")
        n_lines = 0
        while line := stream.readline(_MAX_LINE):
            if line.strip():
                n_lines += 1
                _line(n_lines, line, weights)
    if n_lines != int(declared):
        raise Malformed(f"it tells of {int(declared):,} tensors and has {n_lines:,}")
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        not_read=(_NO_GRAPH, "shapes: a dump keeps lengths only"),
    )


def inspect_engine(_: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an engine: none but its size."""
    return replace(facts, not_read=(_UNNAMED,))


def _variable(folder: Path, weights: Weights) -> None:
    dtype, shape = read_meta(folder / "meta")
    width = 1 if dtype in _BYTES else _WIDTHS.get(dtype, 4)
    size = (folder / "out").stat().st_size
    if size != width * math.prod(shape):
        raise Malformed(
            f"variable {folder.name} has {size:,} bytes; its shape {list(shape)} of"
            f" {dtype} takes {width * math.prod(shape):,}"
        )
    weights.add(dtype, shape, is_parameter=dtype != "int64")


def _line(number: int, line: bytes, weights: Weights) -> None:
    parts = line.split()
    # Names have no spaces; a type may stand between name and length.
    if len(parts) < 2 or not parts[1].isdigit() or len(parts[1]) > 12:
        raise Malformed(f"line {number + 1} is no name with a length")
    length = int(parts[1])
    if len(parts) != 2 + length:
        raise Malformed(
            f"line {number + 1} tells of {length:,} numbers and has {len(parts) - 2:,}"
        )
    weights.add("float32", (length,))
