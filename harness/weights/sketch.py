"""What is held of each tensor while tensors of two files are matched: a few KB."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import squeezed
from harness.weights.statistics import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from harness.core.protocols import FloatArray, WeightTensor

# How a weight is stored, not a weight.
_NOT_WEIGHTS = frozenset({"scale", "zero_point"})
_SAMPLE = 1024
_LARGEST = 1e60
# The last part of a name: what the tensor is in its layer.
_LAST_PART = re.compile(r"[/.:](?:[^/.:]*)$")
# What quantizers, float16 converters and TensorFlow put behind a weight's name.
_SUFFIX = re.compile(
    r"(_quantized|_DequantizeLinear|_dequantized|_QuantizeLinear|_output|_fp16"
    r"|_float16|_cast|_transposed|/ReadVariableOp|/Read|(?<=\w):\d+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A tensor's fingerprints, all over its values as float32.

    Attributes:
        tensor: The tensor, to be loaded again when a pair is compared.
        index: Its place in the file.
        stem: Its name without what tools put behind it.
        digest: Of the values in their order.
        multiset: Of the values in any order.
        constant: Whether all values are the same: equality then says little.
        zero: Whether all values are 0.
        sample: A grid of at most 1024 elements, chosen along each axis by that
            axis's length alone: transposing the tensor transposes its sample. 0 in
            place of NaN.
    """

    tensor: WeightTensor
    index: int
    stem: str
    digest: bytes
    multiset: int
    constant: bool
    zero: bool
    sample: FloatArray

    @property
    def squeezed(self) -> tuple[int, ...]:
        """Shape without the axes of length 1."""
        return squeezed(self.tensor.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.tensor.shape)

    @property
    def group(self) -> str:
        """Shared with the other tensors of its layer: node, or the name's front."""
        return self.tensor.node or _LAST_PART.sub("", self.stem)

    def beside(self, other: Sketch) -> bool:
        """Whether both are of one layer, by their node or the front of their name."""
        mine, theirs = self.tensor.node, other.tensor.node
        if mine is not None and mine == theirs:
            return True
        front = _LAST_PART.sub("", self.stem)
        return front != self.stem and front == _LAST_PART.sub("", other.stem)


def sketches(tensors: Iterable[WeightTensor]) -> list[Sketch]:
    """Sketches of the weights, one tensor in memory at a time.

    Scales and zero points of quantized tensors, single numbers of no known role and
    empty tensors are left out.
    """
    weights = [t for t in tensors if t.role not in _NOT_WEIGHTS and _worthy(t)]
    return [sketch(tensor, index) for index, tensor in enumerate(weights)]


def stem(name: str) -> str:
    """A weight's name without the suffixes that tools append."""
    while (shorter := _SUFFIX.sub("", name)) not in ("", name):
        name = shorter
    return name


def _worthy(tensor: WeightTensor) -> bool:
    n = math.prod(tensor.shape)
    return n > 1 or (n == 1 and tensor.role != "constant")


def sketch(tensor: WeightTensor, index: int) -> Sketch:
    """Read a tensor once, for all of its fingerprints."""
    values = tensor.load()
    ordered = hashlib.blake2b(digest_size=16)
    multiset, low, high = 0, math.inf, -math.inf
    for block in blocks(values):
        bits = _canonical_bits(block)
        ordered.update(bits.data)
        multiset += int(_mixed(bits).sum())
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    return Sketch(
        tensor=tensor,
        index=index,
        stem=stem(tensor.name),
        digest=ordered.digest(),
        multiset=multiset % (1 << 64),
        constant=low == high,
        zero=low == high == 0,
        sample=sample(values),
    )


def _canonical_bits(block: FloatArray) -> NDArray[np.uint32]:
    """Bits as float32, so that a tensor stored as float64 is recognised."""
    # Numbers beyond float32, and NaN of every kind, are fingerprinted like others.
    with np.errstate(over="ignore", invalid="ignore"):
        single = block.astype(np.float32, copy=False)
        # Adding 0 turns -0 into 0, which is the same number with other bits.
        return (single + np.float32(0)).view(np.uint32)


def _mixed(bits: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: sums of it tell multisets apart."""
    mixed = bits.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def sample(values: FloatArray) -> FloatArray:
    """At most 1024 elements on a grid, as float64, without axes of length 1."""
    whole = values.reshape([n for n in values.shape if n != 1])
    per_axis = int(_SAMPLE ** (1 / max(whole.ndim, 1)))
    if whole.size > _SAMPLE:
        grid = (np.linspace(0, n - 1, min(n, per_axis)) for n in whole.shape)
        whole = whole[np.ix_(*(places.astype(np.intp) for places in grid))]
    return tame(whole)


def tame(values: FloatArray) -> FloatArray:
    """As float64, 0 for NaN, and no number so large that its square is infinite."""
    # Widening a signalling NaN is "invalid".
    with np.errstate(invalid="ignore"):
        wide = np.nan_to_num(values.astype(np.float64))
        limited: FloatArray = np.clip(wide, -_LARGEST, _LARGEST)
    return limited
