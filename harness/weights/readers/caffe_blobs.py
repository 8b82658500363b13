"""What the blobs of a Caffe layer are: by its type, their order and its parameters.

Fields are those of caffe/proto/caffe.proto; orders those of the layers' sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.weights.readers.uses import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.formats.wire import Message

# V1LayerParameter.LayerType, those that have weights.
_OLD_KINDS = {4: "Convolution", 14: "InnerProduct", 39: "Deconvolution"}
_RECURRENT = (
    ("weight", "gate_kernel"),
    ("bias", "gate_bias"),
    ("recurrent_weight", "gate_recurrent_kernel"),
)
_WEIGHT_BIAS = (("weight", "kernel"), ("bias", "bias"))
_STATISTICS = (
    ("running_mean", "running_mean"),
    ("running_variance", "running_variance"),
    ("scale_factor", "scale"),
)
# Layer type -> name and role of each blob.
_BLOBS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "BatchNorm": _STATISTICS,
    "Bias": (("bias", "bias"),),
    "Convolution": _WEIGHT_BIAS,
    "ConvolutionDepthwise": _WEIGHT_BIAS,
    "Deconvolution": _WEIGHT_BIAS,
    "DepthwiseConvolution": _WEIGHT_BIAS,
    "Embed": (("weight", "embedding"), ("bias", "bias")),
    "InnerProduct": _WEIGHT_BIAS,
    "LSTM": _RECURRENT,
    "Normalize": (("scale", "gamma"),),
    "PReLU": (("slope", "slope"),),
    "RNN": _RECURRENT,
    "Scale": (("weight", "gamma"), ("bias", "beta")),
}
_SPACE = {1: "W", 2: "HW", 3: "DHW"}
_TRANSPOSE = 6


@dataclass(frozen=True, slots=True)
class Version:
    """Field numbers of one of the two generations of layers.

    Attributes:
        layers: In NetParameter.
        name: In the layer, as the ones below.
        type: A text, or a number in the first generation.
        blobs: Its weights.
        inner_product: Parameters of an InnerProduct layer.
    """

    layers: int
    name: int
    type: int
    blobs: int
    inner_product: int

    def kind(self, layer: Message) -> str:
        """The layer's type, in the words of the second generation."""
        number = layer.integer(self.type)
        return layer.text(self.type) or _OLD_KINDS.get(number, f"type {number}")


VERSION_ONE = Version(layers=2, name=4, type=5, blobs=6, inner_product=17)
VERSION_TWO = Version(layers=100, name=1, type=2, blobs=7, inner_product=117)


@dataclass(frozen=True, slots=True)
class Part:
    """What a blob is.

    Attributes:
        name: Behind the layer's name.
        role: One of `core.roles.ROLES`.
        shape: Without the ones that old files fill vectors and matrices up with.
        layout: A letter an axis; None where it has no channels to tell apart.
        divisor: Index of the blob that its numbers must be divided by.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    layout: str | None
    divisor: int | None


def parts_of(
    kind: str, shapes: Sequence[tuple[int, ...]], version: Version, layer: Message
) -> Iterator[Part]:
    """One part a blob of a layer.

    Raises:
        Malformed: A normalisation's factor is not one number.
    """
    known = _BLOBS.get(kind, ())
    summed = kind == "BatchNorm" and len(shapes) == len(_STATISTICS)
    if summed and shapes[2] not in {(1,), (1, 1, 1, 1)}:
        raise Malformed(f"the factor of a BatchNorm layer has shape {list(shapes[2])}")
    transposed = layer.message(version.inner_product).integer(_TRANSPOSE) == 1
    for index, shape in enumerate(shapes):
        name, role = known[index] if index < len(known) else (str(index), "constant")
        bare = _bare(shape, kind, role)
        if role == "kernel" and bare[1:2] == (1,) and _is_grouped(kind, layer):
            role = "depthwise_kernel"
        layout = _layout(kind, role, bare, transposed=transposed)
        yield Part(name, role, bare, layout, 2 if summed and index < 2 else None)


def _bare(shape: tuple[int, ...], kind: str, role: str) -> tuple[int, ...]:
    """The shape that the layer uses, out of four lengths of an old file."""
    is_convolution = role.endswith("kernel") and kind != "InnerProduct"
    if len(shape) != 4 or is_convolution or role == "constant":
        return shape
    rank = 2 if role in {"kernel", "embedding"} else 1
    ones = (1,) * (4 - rank)
    return shape[4 - rank :] if shape[: 4 - rank] == ones else shape


def _is_grouped(kind: str, layer: Message) -> bool:
    """Whether a convolution has groups; its parameters are field 106, or 10 before."""
    group = max(layer.message(field).integer(5, 1) for field in (106, 10))
    return "Depthwise" in kind or ("onvolution" in kind and group > 1)


def _layout(
    kind: str, role: str, shape: tuple[int, ...], *, transposed: bool
) -> str | None:
    rank = len(shape)
    if role not in {"kernel", "depthwise_kernel"}:
        return layout_of(role, shape)
    if kind == "InnerProduct":
        return ("IO" if transposed else "OI") if rank == 2 else None
    if rank - 2 not in _SPACE:
        return None
    return ("IO" if kind == "Deconvolution" else "OI") + _SPACE[rank - 2]
