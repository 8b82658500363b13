"""What a constant is to the OpenVINO layer that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.formats.openvino_xml import Layer
    from harness.weights.readers.openvino_graph import Graph, Use

_CONVOLUTIONS = {
    "BinaryConvolution": "OI",
    "Convolution": "OI",
    "ConvolutionBackpropData": "IO",
    "DeformableConvolution": "OI",
    "GroupConvolution": "OMI",
    "GroupConvolutionBackpropData": "OIM",
}
_RANGES = dict.fromkeys((1, 2, 3, 4), "scale")
_GATES = ("gate_kernel", "gate_recurrent_kernel", "gate_bias")


def _gates(first: int) -> dict[int, str]:
    return dict(enumerate(_GATES, first))


# Layer -> input -> role.
_ROLES = {
    **{kind: {1: "kernel"} for kind in _CONVOLUTIONS},
    "AUGRUCell": _gates(2),
    "AUGRUSequence": _gates(3),
    "BatchNormInference": {
        1: "gamma",
        2: "beta",
        3: "running_mean",
        4: "running_variance",
    },
    "DeformableConvolution": {2: "kernel"},
    "EmbeddingBagOffsets": {0: "embedding"},
    "EmbeddingBagOffsetsSum": {0: "embedding"},
    "EmbeddingBagPackedSum": {0: "embedding"},
    "FakeQuantize": _RANGES,
    "GRUCell": _gates(2),
    "GRUSequence": _gates(3),
    "Gather": {0: "embedding"},
    "GroupNormalization": {1: "gamma", 2: "beta"},
    "LSTMCell": _gates(3),
    "LSTMSequence": _gates(4),
    "MatMul": {0: "kernel", 1: "kernel"},
    "PRelu": {1: "slope"},
    "PReLU": {1: "slope"},
    "RNNCell": _gates(2),
    "RNNSequence": _gates(3),
}
# The first operator set puts gamma and beta first.
_OLD_NORM = {0: "gamma", 1: "beta", 3: "running_mean", 4: "running_variance"}
_LINEAR = frozenset({*_CONVOLUTIONS, "MatMul"})
# What may stand between a product and the addition of its bias.
_BETWEEN = frozenset(
    {"Convert", "FakeQuantize", "Multiply", "Reshape", "Squeeze", "Unsqueeze"}
)
_VECTORS = frozenset(
    {"beta", "bias", "gamma", "running_mean", "running_variance", "slope"}
)
# More layers than this never do; a graph that goes in circles has an end here.
_FAR = 8
_SPACE = {1: "W", 2: "HW", 3: "DHW"}


def role_of(shape: tuple[int, ...], use: Use, graph: Graph) -> str:
    """Role of a constant of `shape` that ends in `use`; "constant" when unknown."""
    layer, port = use.layer, use.port
    roles = _ROLES.get(layer.type, {})
    if layer.type == "BatchNormInference" and layer.version == "opset1":
        roles = _OLD_NORM
    if layer.type.startswith("GroupConvolution") and port == 1:
        # Stored as for a plain convolution, and split into groups by a Reshape.
        inputs = shape[1:2] if use.moved else shape[2:3]
        return "depthwise_kernel" if inputs == (1,) else "kernel"
    if port in roles:
        return roles[port]
    if layer.type == "Add" and sum(n > 1 for n in shape) <= 1:
        return _role_of_term(layer, port, graph)
    if layer.type == "Multiply" and _source(layer, port, graph, {"MVN"}):
        return "gamma"
    return "constant"


def layout_of(shape: tuple[int, ...], role: str, use: Use) -> str | None:
    """A letter an axis; None where the axes are not those of the layer's input."""
    layer, rank = use.layer, len(shape)
    if use.moved:
        return None
    if role in _VECTORS:
        return "O" if rank == 1 else None
    channels = _CONVOLUTIONS.get(layer.type)
    if channels and role_port(layer) == use.port:
        space = _SPACE.get(rank - len(channels))
        return channels + space if space else None
    if layer.type == "MatMul" and rank == 2:
        transposed = layer.data.get(f"transpose_{'ab'[use.port]}", "") == "true"
        # As the second factor its rows are inputs, unless it is transposed.
        return "IO" if (use.port == 1) is not transposed else "OI"
    if layer.type.endswith("Cell"):
        return {1: "G", 2: "GI"}.get(rank)
    return "IO" if layer.type == "Gather" and rank == 2 else None


def role_port(layer: Layer) -> int:
    """Which input of a convolution is its kernel."""
    return 2 if layer.type == "DeformableConvolution" else 1


def _role_of_term(layer: Layer, port: int, graph: Graph) -> str:
    if _source(layer, port, graph, _LINEAR):
        return "bias"
    scaled = graph.input(layer.key, 1 - port)
    if scaled is None or scaled.type != "Multiply":
        return "constant"
    normalised = (_source(scaled, at, graph, {"MVN"}) for at in (0, 1))
    return "beta" if any(normalised) else "constant"


def _source(
    layer: Layer, port: int, graph: Graph, kinds: set[str] | frozenset[str]
) -> bool:
    """Whether the other input comes from one of `kinds`, but for handing on."""
    found = graph.input(layer.key, 1 - port)
    for _ in range(_FAR):
        if found is None or found.type not in _BETWEEN:
            break
        # A product with a constant is a normalisation: what follows is no bias.
        if found.type == "Multiply" and graph.is_constant(graph.input(found.key, 1)):
            return False
        found = graph.input(found.key, 0)
    return found is not None and found.type in kinds
