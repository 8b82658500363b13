"""What a tensor is to the operator of PyTorch that takes it.

Arguments: aten/src/ATen/native/native_functions.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.weights.readers.uses import KERNELS, TRANSPOSED, Use, layout_of

if TYPE_CHECKING:
    from harness.weights.readers.uses import Shape

_KERNEL = {"weight": "kernel", "bias": "bias"}
_NORM = {"weight": "gamma", "bias": "beta"}
_BATCH = _NORM | {"running_mean": "running_mean", "running_var": "running_variance"}
_PRODUCT = dict.fromkeys(("self", "other", "mat2", "batch2", "mat1"), "kernel")
# Operator -> argument -> role.
_ROLES = {
    operator: roles
    for operators, roles in (
        (("conv1d", "conv2d", "conv3d", "convolution", "_convolution"), _KERNEL),
        (("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _KERNEL),
        (("linear", "bilinear"), _KERNEL),
        (("batch_norm", "instance_norm", "cudnn_batch_norm"), _BATCH),
        (("_native_batch_norm_legit_no_training",), _BATCH),
        (("layer_norm", "group_norm", "rms_norm"), _NORM),
        (("native_layer_norm", "native_group_norm"), _NORM),
        (("embedding", "embedding_bag"), {"weight": "embedding"}),
        (("prelu",), {"weight": "slope"}),
        (("mm", "matmul", "bmm"), _PRODUCT),
        (("addmm", "baddbmm"), _PRODUCT | {"self": "bias"}),
        (("lstm", "gru", "rnn_tanh", "rnn_relu"), {"params": "gates"}),
    )
    for operator in operators
}
_USUAL = ("input", "weight", "bias", "running_mean", "running_var")
_AFTER_SIZE = ("input", "", "weight", "bias")
# Operator -> names of its first arguments, where they are others than the usual ones.
_ARGUMENTS = {
    **dict.fromkeys(("layer_norm", "group_norm", "rms_norm"), _AFTER_SIZE),
    "native_layer_norm": _AFTER_SIZE,
    **dict.fromkeys(("embedding", "embedding_bag"), ("weight", "indices")),
    "prelu": ("self", "weight"),
    **dict.fromkeys(("mm", "bmm"), ("self", "mat2")),
    "matmul": ("self", "other"),
    "addmm": ("self", "mat1", "mat2"),
    "baddbmm": ("self", "batch1", "batch2"),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("input", "hx", "params")),
}
HANDING_ON = frozenset(
    {
        *("_to_copy", "alias", "clone", "contiguous", "detach", "detach_", "expand"),
        *("lift_fresh_copy", "permute", "reshape", "squeeze", "t", "to", "transpose"),
        *("unsqueeze", "view"),
    }
)
"""Operators that hand their first argument's numbers on."""
TURNING = frozenset({"permute", "t", "transpose"})
"""Those of them that turn a matrix."""


def argument_at(operator: str, position: int) -> str:
    """Name of an operator's argument; "" where it is of no interest."""
    names = _ARGUMENTS.get(operator, _USUAL)
    return names[position] if position < len(names) else ""


def use_at(
    operator: str, argument: str, shape: Shape, *, turned: bool = False, index: int = 0
) -> Use | None:
    """What a tensor is to an operator; None where that tells nothing.

    Args:
        operator: Its name without namespace and overload: "conv2d".
        argument: The argument's name.
        shape: Of the tensor.
        turned: Whether a matrix was transposed on its way there.
        index: Which one of a list of tensors it is.
    """
    role = _ROLES.get(operator, {}).get(argument)
    if role == "gates":
        role = gate_at(shape, index)
    if role is None or (role == "kernel" and len(shape) < 2):
        return None
    return Use(role, operator, _layout(operator, role, shape, turned=turned))


def gate_at(shape: Shape, index: int) -> str:
    """Role in a recurrent layer's list: input kernel, recurrent one, their biases."""
    if len(shape) < 2:
        return "gate_bias"
    return "gate_recurrent_kernel" if index % 2 else "gate_kernel"


def _layout(operator: str, role: str, shape: Shape, *, turned: bool) -> str | None:
    if role != "kernel":
        return layout_of(role, shape)
    if len(shape) == 2:
        # linear multiplies by the transposed matrix, a product by the matrix itself.
        return "OI" if (operator == "linear") != turned else "IO"
    if operator in {"matmul", "bmm", "baddbmm", "bilinear"}:
        return None
    kinds = TRANSPOSED if "transpose" in operator else KERNELS
    return kinds.get(len(shape))
