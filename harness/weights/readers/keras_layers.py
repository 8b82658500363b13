"""What the variables of Keras' layers are called, and how their axes lie.

Orders are those in which ``keras.layers`` build their variables, and in which an
archive numbers them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.weights.readers.tensorflow_roles import Use, fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

# Name of a variable -> role, and layout where it does not depend on the layer.
_WORDS: dict[str, tuple[str, str | None]] = {
    "alpha": ("slope", None),
    "beta": ("beta", "O"),
    "bias": ("bias", "O"),
    "biases": ("bias", "O"),
    "depthwise_kernel": ("depthwise_kernel", "HWIM"),
    "embeddings": ("embedding", "IO"),
    "gamma": ("gamma", "O"),
    "kernel": ("kernel", None),
    "moving_mean": ("running_mean", "O"),
    "moving_variance": ("running_variance", "O"),
    "pointwise_kernel": ("kernel", "HWIO"),
    "recurrent_kernel": ("gate_recurrent_kernel", "IG"),
    "scale": ("gamma", "O"),
    "weights": ("kernel", None),
}
ROLE_WORDS = frozenset(_WORDS)
"""Names of variables that tell their role."""
_CONVOLUTION = {3: "WIO", 4: "HWIO", 5: "DHWIO"}
_CELL = ("kernel", "recurrent_kernel", "bias")
_SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "bias")
# Class -> its variables in order; all others have a kernel and a bias.
_ORDERS = {
    **dict.fromkeys(("GRUCell", "LSTMCell", "SimpleRNNCell"), _CELL),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "Embedding": ("embeddings",),
    "GroupNormalization": ("gamma", "beta"),
    "LayerNormalization": ("gamma", "beta"),
    "Normalization": ("mean", "variance", "count"),
    "PReLU": ("alpha",),
    "RMSNormalization": ("scale",),
}
_PLAIN = ("kernel", "bias")
_NORM = "BatchNormalization"
_STATISTICS = ("moving_mean", "moving_variance")
_KNOWN = (
    *_ORDERS,
    *("BatchNormalization", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose"),
    *("Conv3D", "Conv3DTranspose", "Dense", "DepthwiseConv1D", "DepthwiseConv2D"),
    *("EinsumDense", "GRU", "LSTM", "SimpleRNN", "Bidirectional", "TimeDistributed"),
    "MultiHeadAttention",
)
# Classes whose kernels have the axes of an equation, which is elsewhere.
_FREE = frozenset({"EinsumDense"})


@dataclass(frozen=True, slots=True)
class Layer:
    """What is known of a layer.

    Attributes:
        name: Of the layer; None where the file does not tell.
        kind: Its class; None likewise.
        config: Its configuration.
        shapes: Name of each of its variables -> shape.
    """

    name: str | None
    kind: str | None
    config: Mapping[str, object] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def use_in_layer(word: str, shape: tuple[int, ...], layer: Layer) -> Use:
    """What a variable is by its name.

    Args:
        word: Name of the variable, without those around it ("kernel:0" or "_kernel"
            are "kernel").
        shape: Its shape.
        layer: Whose it is.
    """
    role, layout = _WORDS.get(word, ("constant", None))
    if "recurrent_kernel" in layer.shapes and role in {"bias", "kernel"}:
        role, layout = ("gate_bias", "G") if role == "bias" else ("gate_kernel", "IG")
    elif role == "kernel" and layer.kind not in _FREE and layout is None:
        role, layout = _kernel(shape, layer)
    found = layer.config.get("epsilon")
    epsilon = float(found) if isinstance(found, int | float) else None
    return Use(role, fitted(layout, shape), layer.kind, layer.name, epsilon)


def order_in(layer: Layer, n_variables: int) -> tuple[str, ...]:
    """Names of a layer's variables in the order of an archive.

    Args:
        layer: Which.
        n_variables: How many it has.
    """
    if layer.kind != _NORM:
        return _ORDERS.get(layer.kind or "", _PLAIN)
    # Both flags are absent where the file has no configuration.
    scaled = ("gamma",) if layer.config.get("scale", n_variables > 2) else ()
    centred = ("beta",) if layer.config.get("center", n_variables > 2) else ()
    names = (*scaled, *centred, *_STATISTICS)
    return names if len(names) == n_variables else ()


def class_of(group: str) -> str | None:
    """The class that an archive's group is named after; None if it is not known."""
    return _SNAKES.get(group) or _SNAKES.get(re.sub(r"_\d+$", "", group))


def _snake(name: str) -> str:
    """A class's name as ``keras.src.utils.naming.to_snake_case`` writes it."""
    apart = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", apart).lower()


_SNAKES = {_snake(name): name for name in _KNOWN}


def _kernel(shape: tuple[int, ...], layer: Layer) -> tuple[str, str | None]:
    layout = _CONVOLUTION.get(len(shape))
    # Of three axes, a kernel may as well be one of attention.
    if layout is None or (len(shape) == 3 and layer.kind is None):
        return "kernel", "IO" if len(shape) == 2 else None
    kind = layer.kind or _guessed(shape, layer.shapes.get("bias"))
    if kind.startswith("Depthwise"):
        return "depthwise_kernel", layout.replace("O", "M")
    if kind.endswith("Transpose"):
        return "kernel", layout.replace("IO", "OI")
    return "kernel", layout


def _guessed(shape: tuple[int, ...], bias: tuple[int, ...] | None) -> str:
    """The class whose bias has as many elements, without anything that names it."""
    *_, before, last = shape
    if bias is None or bias == (last,):
        return ""
    if bias == (before * last,):
        return "Depthwise"
    return "Transpose" if bias == (before,) else ""
