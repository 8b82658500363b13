"""Tensors that lie in a file as plain numbers: mapped, and turned to floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import ModelLoadError
from harness.core.protocols import StoredCodes, WeightTensor
from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats, is_float, stored_dtype
from harness.weights.readers.affine import dequantized
from harness.weights.readers.byte_order import check_byte_order
from harness.weights.readers.faults import broken, loader

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.formats.regions import Region
    from harness.weights.readers.uses import Use


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A tensor in a region of a file.

    Attributes:
        path: The file, for messages.
        name: The file's name of it.
        kind: What its numbers are: "float32", "bfloat16", "float8_e4m3fn".
        dtype: What they are stored in, in the file's byte order.
        region: Where they lie.
        shape: Its shape.
        strides: In elements.
        offset: Elements of the region before the first.
    """

    path: Path
    name: str
    kind: str
    dtype: np.dtype[Any]
    region: Region
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    def check(self) -> None:
        """See that it lies inside of its region.

        Raises:
            ModelLoadError: It does not.
        """
        try:
            self.region.check(self.dtype, self.offset, self.shape, self.strides)
        except Malformed as error:
            raise broken(self.path, self.name, error) from error

    def stored(self) -> Array:
        """The numbers as stored.

        Raises:
            Malformed: They are damaged, or in another byte order than the file's.
            OSError: The file cannot be read.
        """
        values = self.region.strided(self.dtype, self.offset, self.shape, self.strides)
        check_byte_order(values)
        return values

    def floats(self) -> FloatArray:
        """The floats that they mean; errors as of `stored`."""
        return as_floats(self.stored(), self.kind)

    def weight(self, use: Use) -> WeightTensor | None:
        """What the rest of the product sees of a tensor of plain numbers.

        Returns:
            None for integers that nothing tells the use of: positions, shapes, masks.
        """
        if use.role == "constant" and not is_float(self.kind):
            return None
        load = loader(self.path, self.name, self.floats)
        return _weight(self, use, load)

    def quantized(
        self, use: Use, scale: Array, zero_point: Array, axis: int | None
    ) -> WeightTensor:
        """What the rest of the product sees of codes.

        Args:
            use: What it is for.
            scale: Shape (1,), or one an index of `axis`.
            zero_point: Likewise.
            axis: None for one scale.
        """
        limits = np.iinfo(self.dtype)
        codes = StoredCodes(
            scale=scale,
            zero_point=zero_point,
            axis=axis,
            low=int(limits.min),
            high=int(limits.max),
            codes=loader(self.path, self.name, self._codes),
        )
        load = loader(self.path, self.name, lambda: dequantized(codes))
        return _weight(self, use, load, codes)

    def _codes(self) -> IntArray:
        return self.stored()


def dtype_of(path: Path, name: str, kind: str) -> np.dtype[Any] | None:
    """What a tensor's numbers are stored in, in this machine's byte order.

    Args:
        path: The file, for messages.
        name: The tensor.
        kind: What its numbers are.

    Returns:
        None for complex numbers, which are no weights.

    Raises:
        ModelLoadError: The type is not known.
    """
    found = stored_dtype(kind)
    if found is None and not kind.startswith(("c64", "complex")):
        raise ModelLoadError(
            f"{path}: tensor {name!r} is of type {kind}, which is not read",
            hint="save it as floats, or as integers of whole bytes",
        )
    return found


def _weight(
    tensor: Mapped, use: Use, load: Any, codes: StoredCodes | None = None
) -> WeightTensor:
    return WeightTensor(
        name=tensor.name,
        shape=tensor.shape,
        dtype=tensor.kind,
        role=use.role,
        op_type=use.op_type,
        load=load,
        layout=use.layout,
        node=use.node,
        codes=codes,
        epsilon=use.epsilon,
    )
