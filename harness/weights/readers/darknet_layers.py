"""Which numbers the layers of a Darknet network take, in the order of its file.

Sizes and order are those of darknet's src/parser.c and of the layers' sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.formats.darknet_cfg import NETS
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.formats.darknet_cfg import Section

# Nobody has a network with longer axes.
_MAX_LENGTH = 1 << 24
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_INPUT = {"channels": 3, "height": 416, "width": 416}
_LONG = {
    "avg": "avgpool",
    "conn": "connected",
    "conv": "convolutional",
    "deconv": "deconvolutional",
    "max": "maxpool",
}
# Layers that take no numbers from the file and hand on as many as they are given.
_UNCHANGED = frozenset(
    {
        *("activation", "batchnorm", "contrastive", "cost", "detection", "dropout"),
        *("gaussian_yolo", "l2norm", "logistic", "logxent", "lrn", "normalization"),
        *("region", "shortcut", "soft", "softmax", "yolo"),
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor of the file; attributes as of `WeightTensor`."""

    node: str
    kind: str
    word: str
    shape: tuple[int, ...]
    role: str
    layout: str | None = None

    @property
    def name(self) -> str:
        """The layer's name and Darknet's word for the numbers."""
        return f"{self.node}.{self.word}"


@dataclass(frozen=True, slots=True)
class _Size:
    """What a layer hands on; height and width are 1 behind a connected one."""

    c: int
    h: int
    w: int

    @property
    def numbers(self) -> int:
        """All of it, as a vector."""
        return self.c * self.h * self.w


@dataclass(frozen=True, slots=True)
class _Layer:
    """A section, its place, and what the layers before it hand on.

    `sizes` begins with the network's input: the one before the last layer made is at
    its own place.
    """

    kind: str
    values: Mapping[str, str]
    place: int
    sizes: Sequence[_Size]

    @property
    def source(self) -> _Size:
        """What it takes."""
        return self.sizes[self.place]

    def whole(self, key: str, default: int) -> int:
        """A value that is a whole number."""
        text = self.values.get(key, str(default))
        # Darknet reads with atoi: a comment or a fraction behind the digits is cut.
        found = _WHOLE.match(text)
        number = int(found[0]) if found else 0
        if abs(number) > _MAX_LENGTH:
            raise Malformed(f"{key}={text[:30]} of {self.node} is out of all bounds")
        return number

    @property
    def node(self) -> str:
        """A name: Darknet counts layers and does not name them."""
        return f"{self.kind}_{self.place}"

    @property
    def padding(self) -> int:
        """On each side."""
        half = self.whole("size", 1) // 2
        return half if self.whole("pad", 0) else self.whole("padding", 0)


def parts_of(
    layers: Sequence[Section], *, transposed: bool, biased: bool
) -> Iterator[Part]:
    """All tensors of a network.

    Args:
        layers: Its sections, the [net] first.
        transposed: Whether matrices are stored inputs first.
        biased: Whether a [batchnorm] has terms of its own, as some programs write.

    Raises:
        Malformed: The text does not begin with a [net], a layer is of a kind that is
            not known, or its sizes are out of all bounds.
    """
    if not layers or layers[0][0] not in NETS:
        raise Malformed("it does not begin with a [net] section")
    net = _Layer("net", layers[0][1], 0, ())
    sizes = [_Size(*(net.whole(key, default) for key, default in _INPUT.items()))]
    for place, (kind, values) in enumerate(layers[1:]):
        layer = _Layer(_LONG.get(kind, kind), values, place, sizes)
        yield from _parts(layer, transposed=transposed, biased=biased)
        sizes.append(_handed_on(layer))


def _parts(layer: _Layer, *, transposed: bool, biased: bool) -> Iterator[Part]:
    make = _TAKING.get(layer.kind)
    if make is not None:
        yield from make(layer)
    elif layer.kind == "connected":
        yield from _connected(layer, transposed=transposed)
    elif layer.kind == "batchnorm":
        if biased:
            yield _vector(layer, "biases", "beta", layer.source.c)
        yield from _statistics(layer, layer.source.c)


def _vector(layer: _Layer, word: str, role: str, n: int) -> Part:
    return Part(layer.node, layer.kind, word, (n,), role, "O")


def _statistics(layer: _Layer, n: int) -> Iterator[Part]:
    yield _vector(layer, "scales", "gamma", n)
    yield _vector(layer, "rolling_mean", "running_mean", n)
    yield _vector(layer, "rolling_variance", "running_variance", n)


def _biases(layer: _Layer, n: int) -> Part:
    normalised = layer.whole("batch_normalize", 0)
    return _vector(layer, "biases", "beta" if normalised else "bias", n)


def _convolutional(layer: _Layer) -> Iterator[Part]:
    n, size = layer.whole("filters", 1), layer.whole("size", 1)
    groups = max(layer.whole("groups", 1), 1)
    inputs = layer.source.c // groups
    yield _biases(layer, n)
    if layer.whole("batch_normalize", 0):
        yield from _statistics(layer, n)
    role = "depthwise_kernel" if inputs == 1 and groups > 1 else "kernel"
    shape = (n, inputs, size, size)
    yield Part(layer.node, layer.kind, "weights", shape, role, "OIHW")


def _deconvolutional(layer: _Layer) -> Iterator[Part]:
    n, size = layer.whole("filters", 1), layer.whole("size", 1)
    yield _biases(layer, n)
    if layer.whole("batch_normalize", 0):
        yield from _statistics(layer, n)
    shape = (layer.source.c, n, size, size)
    yield Part(layer.node, layer.kind, "weights", shape, "kernel", "IOHW")


def _connected(layer: _Layer, *, transposed: bool) -> Iterator[Part]:
    n, inputs = layer.whole("output", 1), layer.source.numbers
    yield _biases(layer, n)
    shape, layout = ((inputs, n), "IO") if transposed else ((n, inputs), "OI")
    yield Part(layer.node, layer.kind, "weights", shape, "kernel", layout)
    if layer.whole("batch_normalize", 0):
        yield from _statistics(layer, n)


def _local(layer: _Layer) -> Iterator[Part]:
    out, size = _slid_locally(layer), layer.whole("size", 1)
    yield _biases(layer, out.numbers)
    shape = (out.h * out.w, out.c, layer.source.c, size, size)
    # A kernel a place: no layout has a letter for that axis.
    yield Part(layer.node, layer.kind, "weights", shape, "kernel")


_TAKING: Mapping[str, Callable[[_Layer], Iterator[Part]]] = {
    "convolutional": _convolutional,
    "deconvolutional": _deconvolutional,
    "local": _local,
}


def _handed_on(layer: _Layer) -> _Size:
    if layer.kind in _UNCHANGED:
        return layer.source
    if layer.kind not in _SIZES:
        raise Malformed(f"what [{layer.kind}] takes from the file is not known")
    size = _SIZES[layer.kind](layer)
    if not all(0 < n <= _MAX_LENGTH for n in (size.c, size.h, size.w)):
        raise Malformed(f"{layer.node} hands on {size.c} x {size.h} x {size.w} numbers")
    return size


def _slid(layer: _Layer) -> _Size:
    source, size = layer.source, layer.whole("size", 1)
    stride, padding = _stride(layer, 1), 2 * layer.padding
    long = ((n + padding - size) // stride + 1 for n in (source.h, source.w))
    return _Size(layer.whole("filters", 1), *long)


def _spread(layer: _Layer) -> _Size:
    source, size = layer.source, layer.whole("size", 1)
    stride, padding = _stride(layer, 1), 2 * layer.padding
    long = ((n - 1) * stride + size - padding for n in (source.h, source.w))
    return _Size(layer.whole("filters", 1), *long)


def _slid_locally(layer: _Layer) -> _Size:
    lost = 1 if layer.whole("pad", 0) else layer.whole("size", 1)
    stride, source = _stride(layer, 1), layer.source
    long = ((n - lost) // stride + 1 for n in (source.h, source.w))
    return _Size(layer.whole("filters", 1), *long)


def _pooled(layer: _Layer) -> _Size:
    source, stride = layer.source, _stride(layer, 1)
    size = layer.whole("size", stride)
    padding = layer.whole("padding", size - 1)
    long = ((n + padding - size) // stride + 1 for n in (source.h, source.w))
    return _Size(source.c, *long)


def _upsampled(layer: _Layer) -> _Size:
    source, stride = layer.source, layer.whole("stride", 2)
    if stride < 0:
        return _Size(source.c, source.h // -stride, source.w // -stride)
    return _Size(source.c, source.h * stride, source.w * stride)


def _reorganised(layer: _Layer) -> _Size:
    source, stride = layer.source, _stride(layer, 1)
    if layer.whole("reverse", 0):
        return _Size(source.c // stride**2, source.h * stride, source.w * stride)
    return _Size(source.c * stride**2, source.h // stride, source.w // stride)


def _routed(layer: _Layer) -> _Size:
    numbers = [int(n) for n in _WHOLE.findall(layer.values.get("layers", ""))]
    places = [n + layer.place if n < 0 else n for n in numbers]
    if not places or not all(0 <= place < layer.place for place in places):
        raise Malformed(
            f"{layer.node} takes from layers {numbers}, which are not there"
        )
    sources = [layer.sizes[place + 1] for place in places]
    groups = max(layer.whole("groups", 1), 1)
    if len({(source.h, source.w) for source in sources}) > 1:
        return _Size(sum(source.numbers for source in sources), 1, 1)
    channels = sum(source.c for source in sources) // groups
    return _Size(channels, sources[0].h, sources[0].w)


def _stride(layer: _Layer, default: int) -> int:
    return max(layer.whole("stride", default), 1)


_SIZES: Mapping[str, Callable[[_Layer], _Size]] = {
    "avgpool": lambda layer: _Size(layer.source.c, 1, 1),
    "connected": lambda layer: _Size(layer.whole("output", 1), 1, 1),
    "convolutional": _slid,
    "crop": lambda layer: _Size(
        layer.source.c, layer.whole("crop_height", 1), layer.whole("crop_width", 1)
    ),
    "deconvolutional": _spread,
    "local": _slid_locally,
    "maxpool": _pooled,
    "reorg": _reorganised,
    "route": _routed,
    "upsample": _upsampled,
}
