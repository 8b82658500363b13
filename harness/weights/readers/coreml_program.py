"""Weights of a Core ML program: its constants, and what is decompressed from them.

Operations are those of coremltools/converters/mil/mil/ops/defs.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from harness.core.protocols import WeightTensor
from harness.formats.numbers import is_float
from harness.weights.readers.coreml_compressed import Compressed
from harness.weights.readers.coreml_graph import Graph
from harness.weights.readers.coreml_program_roles import layout_of, role_of
from harness.weights.readers.coreml_values import Blobs
from harness.weights.readers.faults import loader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.formats.wire import Message
    from harness.weights.readers.coreml_graph import Operation, Use


def program_weights(
    program: Message, path: Path, prefix: str
) -> Iterator[WeightTensor]:
    """Float constants of all functions, compressed ones as the floats they mean.

    Scalars, integers and single scales are left out; scales by channel are listed with
    the role "scale".

    Args:
        program: Its message.
        path: The file that it lies in.
        prefix: Of all names.

    Raises:
        Malformed: A message is damaged.
        ModelLoadError: A tensor's bytes are not where it says.
    """
    blobs = Blobs(path)
    functions = list(program.entries(2))
    for name, function in functions:
        scope = prefix if len(functions) == 1 else f"{prefix}{name}."
        for _, block in function.entries(3):
            graph = Graph(block, blobs)
            for operation in graph.constants.values():
                yield from _tensor(operation, graph, path, scope)


def _tensor(
    operation: Operation, graph: Graph, path: Path, scope: str
) -> Iterator[WeightTensor]:
    name = f"{scope}{operation.output}"
    guard = partial(loader, path, name)
    found = guard(partial(Compressed, operation, graph))()
    shape = operation.shape
    if not shape or 0 in shape or not is_float(operation.dtype):
        return
    use = _telling(list(graph.uses(operation.output)), shape, graph)
    role = role_of(shape, use, graph) if use else "constant"
    if role == "part" or (role == "scale" and math.prod(shape) == 1):
        return
    guard(found.check)()
    yield WeightTensor(
        name=name,
        shape=shape,
        dtype=found.dtype,
        role=role,
        op_type=use.operation.type if use else None,
        load=guard(found.floats),
        layout=layout_of(shape, role, use, graph) if use else None,
        node=use.operation.output if use else None,
        codes=guard(found.stored_codes)(),
    )


def _telling(uses: list[Use], shape: tuple[int, ...], graph: Graph) -> Use | None:
    """The first use that gives a role; the first of all where none does."""
    for use in uses:
        if role_of(shape, use, graph) != "constant":
            return use
    return uses[0] if uses else None
