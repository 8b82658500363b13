"""Weights of a OneFlow snapshot: a folder a variable, with ``meta`` and ``out``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError
from harness.core.protocols import WeightTensor
from harness.formats.malformed import Malformed
from harness.formats.oneflow_meta import read_meta
from harness.formats.wire import mapped
from harness.weights.readers import elements
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.uses import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import FloatArray

_TITLE = "OneFlow snapshot"
_DONE = "snapshot_done"
_MAX_VARIABLES = 100_000


@dataclass(frozen=True, slots=True)
class _Variable:
    file: Path
    dtype: str
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.file.parent.name

    def check(self) -> None:
        held, wanted = (
            self.file.stat().st_size,
            elements.n_bytes(self.dtype, self.shape),
        )
        if held != wanted:
            raise Malformed(
                f"it has {held:,} bytes; its shape {list(self.shape)} of {self.dtype}"
                f" takes {wanted:,}"
            )

    def floats(self) -> FloatArray:
        with mapped(self.file) as data:
            return elements.floats(data, self.dtype, self.shape)


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The variables of a snapshot, in the order of their names.

    Roles are told by names and shapes, as PyTorch's modules, which OneFlow follows,
    give them. Integers are left out, but for the counts of batches.

    Raises:
        ModelLoadError: Writing the snapshot was not finished, a variable's shape cannot
            be read, or does not meet its numbers.
    """
    with reading(path, _TITLE):
        folders = sorted(found.parent for found in path.glob("*/meta"))
        if len(folders) > _MAX_VARIABLES:
            raise Malformed(f"it has more than {_MAX_VARIABLES:,} variables")
        if not folders:
            raise Malformed("no folder in it has a meta file")
    if not (path / _DONE).is_file():
        raise ModelLoadError(
            f"{path} has no {_DONE}: writing it was not finished",
            hint="save the snapshot again, or name an earlier one",
        )
    found = [_variable(path, folder) for folder in folders]
    beside = Beside((variable.name, variable.shape) for variable in found)
    return _tensors(path, found, beside)


def _variable(path: Path, folder: Path) -> _Variable:
    def read() -> _Variable:
        dtype, shape = read_meta(folder / "meta")
        variable = _Variable(folder / "out", dtype, shape)
        variable.check()
        return variable

    return loader(path, folder.name, read)()


def _tensors(
    path: Path, variables: list[_Variable], beside: Beside
) -> Iterator[WeightTensor]:
    for variable in variables:
        use = beside.use(variable.name)
        counts = use.role == "n_batches"
        if not math.prod(variable.shape) or not (counts or "float" in variable.dtype):
            continue
        yield WeightTensor(
            name=variable.name,
            shape=variable.shape,
            dtype=variable.dtype,
            role=use.role,
            op_type=use.op_type,
            load=loader(path, variable.name, partial(variable.floats)),
            layout=use.layout,
            node=use.node,
        )
