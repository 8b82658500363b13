"""What a tensor is for, told by its name, its shape and what lies beside it.

Names are those that PyTorch's modules give their tensors, which safetensors and
archives of arrays keep, and Keras's for arrays that came from there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Shape = tuple[int, ...]

KERNELS: Final = {2: "OI", 3: "OIW", 4: "OIHW", 5: "OIDHW"}
"""Rank -> layout of Linear and convolutions."""
TRANSPOSED: Final = {3: "IOW", 4: "IOHW", 5: "IODHW"}
"""Rank -> layout of transposed convolutions."""

# Attribute -> role, where the name alone tells.
_PLAIN = {
    **dict.fromkeys(("running_mean", "moving_mean"), "running_mean"),
    **dict.fromkeys(("running_var", "moving_variance"), "running_variance"),
    **dict.fromkeys(("bias_k", "bias_v", "in_proj_bias"), "bias"),
    **dict.fromkeys(("kernel", "pointwise_kernel"), "kernel"),
    "beta": "beta",
    "depthwise_kernel": "depthwise_kernel",
    "embeddings": "embedding",
    "gamma": "gamma",
    "num_batches_tracked": "n_batches",
    "recurrent_kernel": "gate_recurrent_kernel",
}
_GATES = {
    **dict.fromkeys(("bias_hh", "bias_ih"), "gate_bias"),
    "weight_hh": "gate_recurrent_kernel",
    "weight_ih": "gate_kernel",
}
_GATE = re.compile(r"(weight|bias)_(ih|hh)(_l\d+)?(_reverse)?")
_PROJECTIONS = re.compile(r"(in|q|k|v)_proj_weight|weight_hr_l\d+(_reverse)?")
# Letters of roles that have one axis.
_VECTORS = frozenset(
    {"beta", "bias", "gamma", "running_mean", "running_variance", "slope"}
)
# Classes that tell; of a user's own class only what it holds does.
_KNOWN = re.compile(
    r"\w*(Conv|ConvTranspose|ConvReLU|Norm)[1-3]d"
    r"|\w*(Embedding|EmbeddingBag|Linear|LinearReLU|Norm|PReLU)"
)
_SLOPES = re.compile(r"relu|act", re.IGNORECASE)
_EMBEDDING = re.compile(r"embed|\bw[tp]e\b", re.IGNORECASE)
_UPWARD = re.compile(r"transpose|deconv", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Use:
    """What a tensor is for; attributes as of `core.protocols.WeightTensor`."""

    role: str
    op_type: str | None = None
    layout: str | None = None
    node: str | None = None
    epsilon: float | None = None


class Beside:
    """Tensors by the module that holds them.

    Args:
        tensors: Name and shape of all; a module's name ends at the last dot or slash.
    """

    def __init__(self, tensors: Iterable[tuple[str, Shape]]) -> None:
        self._modules: dict[str, dict[str, Shape]] = defaultdict(dict)
        for name, shape in tensors:
            module, attribute = split(name)
            self._modules[module][attribute] = shape

    def use(self, name: str, owner: str | None = None) -> Use:
        """What one of the tensors is for.

        Args:
            name: Of the tensor.
            owner: Class of the module that holds it; None where it is not told.
        """
        owner = owner and owner.rpartition(".")[2]
        module, attribute = split(name)
        beside = self._modules[module]
        shape = beside[attribute]
        known = owner if owner and _KNOWN.fullmatch(owner) else None
        role = _role(name, attribute, beside, known)
        layout = _layout(role, shape, upward=_is_upward(name, beside, known))
        if attribute in {"kernel", "pointwise_kernel", "recurrent_kernel"}:
            # Whoever says "kernel" puts output channels last; which axes are which
            # depends on the layer.
            layout = None
        return Use(role, owner, layout, module or None)


def split(name: str) -> tuple[str, str]:
    """Module and attribute of a tensor's name."""
    at = max(name.rfind("."), name.rfind("/"))
    # TensorFlow numbers the outputs of its variables.
    return name[: max(at, 0)], name[at + 1 :].partition(":")[0]


def gate_role(attribute: str) -> str | None:
    """Role of a recurrent layer's tensor by PyTorch's name; None for others."""
    found = _GATE.fullmatch(attribute)
    return _GATES[f"{found[1]}_{found[2]}"] if found else None


def layout_of(role: str, shape: Shape) -> str | None:
    """Layout of a tensor of PyTorch that is no transposed convolution's."""
    return _layout(role, shape, upward=False)


def _layout(role: str, shape: Shape, *, upward: bool) -> str | None:
    rank = len(shape)
    if role in _VECTORS:
        return "O" if rank == 1 else None
    if role.startswith("gate_"):
        return {1: "G", 2: "GI"}.get(rank)
    if role == "embedding":
        return "IO" if rank == 2 else None
    if not role.endswith("kernel"):
        return None
    return TRANSPOSED.get(rank) if upward and rank > 2 else KERNELS.get(rank)


def _role(
    name: str, attribute: str, beside: Mapping[str, Shape], owner: str | None
) -> str:
    rank = len(beside[attribute])
    gate = gate_role(attribute)
    if gate or attribute in _PLAIN:
        return gate or _PLAIN[attribute]
    if _PROJECTIONS.fullmatch(attribute):
        return "kernel"
    if attribute in {"scale", "zero_point"} and {"scale", "zero_point"} <= {*beside}:
        return attribute
    if attribute == "weight":
        return _weight_role(name, rank, beside, owner)
    if attribute == "bias":
        return "beta" if _is_norm(name, beside, owner) else "bias"
    return "embedding" if rank == 2 and _EMBEDDING.search(attribute) else "constant"


def _weight_role(
    name: str, rank: int, beside: Mapping[str, Shape], owner: str | None
) -> str:
    if _is_norm(name, beside, owner):
        return "gamma"
    if rank == 1:
        return "slope"
    if (owner or "").startswith("Embedding"):
        return "embedding"
    if rank == 2 and owner is None and "bias" not in beside and _EMBEDDING.search(name):
        return "embedding"
    return "kernel" if rank > 1 else "constant"


def _is_norm(name: str, beside: Mapping[str, Shape], owner: str | None) -> bool:
    """Whether a module normalises: by its class, else by what it holds."""
    if owner is not None:
        return "Norm" in owner
    if "running_mean" in beside:
        return True
    one_axis = len(beside.get("weight", ())) == 1
    # A rectifier has one slope a channel, and neither a bias nor a norm's name.
    return one_axis and ("bias" in beside or not _SLOPES.search(split(name)[0]))


def _is_upward(name: str, beside: Mapping[str, Shape], owner: str | None) -> bool:
    """Whether a kernel is a transposed convolution's, whose bias meets its 2nd axis."""
    if owner is not None:
        return "Transpose" in owner
    bias, weight = beside.get("bias", ()), beside.get("weight", ())
    if len(bias) == 1 and len(weight) > 2 and bias[0] in weight[:2]:
        return bias[0] != weight[0]
    return bool(_UPWARD.search(name))
