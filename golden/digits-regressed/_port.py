"""The digits network ported by hand to PyTorch: once right, and once with each slip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Slip:
    """What a port can get wrong; the defaults are right.

    Attributes:
        symmetric_padding: conv2 pads 1 on every side; TensorFlow's SAME pads an even
            size under stride 2 at the bottom and the right alone.
        channels_first_flatten: Features are flattened as PyTorch holds them, while
            the dense kernel counts them channels last.
        bn_epsilon: Added to the variance; Keras' default, where PyTorch's is 1e-5.
    """

    symmetric_padding: bool = False
    channels_first_flatten: bool = False
    bn_epsilon: float = 1e-3


class Digits(nn.Module):
    """Image (n, 1, 8, 8), scaled to [0, 1], to probabilities (n, 10)."""

    def __init__(self, slip: Slip) -> None:
        super().__init__()
        self.slip = slip
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16, eps=slip.bn_epsilon)
        self.conv2 = nn.Conv2d(16, 24, 3, 2, padding=int(slip.symmetric_padding))
        self.dense = nn.Linear(384, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.bn1(functional.relu(self.conv1(image)))
        if not self.slip.symmetric_padding:
            x = functional.pad(x, (0, 1, 0, 1))
        x = functional.relu(self.conv2(x))
        if not self.slip.channels_first_flatten:
            x = x.permute(0, 2, 3, 1)
        return functional.softmax(self.dense(x.flatten(1)), dim=1)


def export(weights: Weights, slip: Slip, path: Path) -> None:
    """Port, export with torch.onnx, and write one ONNX file.

    Args:
        weights: Keras' arrays by path, as in ``conv1/kernel``.
        slip: What the port gets wrong.
        path: The file.
    """
    model = Digits(slip).eval()
    model.load_state_dict(_state(weights))
    program = torch.onnx.export(
        model,
        (torch.zeros(2, 1, 8, 8),),
        input_names=["image"],
        output_names=["probabilities"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    clean = _tidied(program.model_proto)
    onnx.checker.check_model(clean, full_check=True)
    path.write_bytes(clean.SerializeToString(deterministic=True))


def _state(weights: Weights) -> dict[str, torch.Tensor]:
    """Keras' arrays under PyTorch's names and in its layouts."""
    arrays = {
        "conv1.weight": weights["conv1/kernel"].transpose(3, 2, 0, 1),
        "conv1.bias": weights["conv1/bias"],
        "bn1.weight": weights["bn1/gamma"],
        "bn1.bias": weights["bn1/beta"],
        "bn1.running_mean": weights["bn1/moving_mean"],
        "bn1.running_var": weights["bn1/moving_variance"],
        "bn1.num_batches_tracked": np.array(0),
        "conv2.weight": weights["conv2/kernel"].transpose(3, 2, 0, 1),
        "conv2.bias": weights["conv2/bias"],
        "dense.weight": weights["probabilities/kernel"].T,
        "dense.bias": weights["probabilities/bias"],
    }
    return {
        name: torch.from_numpy(np.ascontiguousarray(array))
        for name, array in arrays.items()
    }


def _tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with nodes called by their layer, and without the exporter's metadata.

    The metadata holds stack traces with paths of the machine that exported.
    """
    form = onnx_ir.from_proto(model)
    values = [*form.graph.inputs, *form.graph.initializers.values()]
    for node in form.graph:
        node.metadata_props.clear()
        values.extend(node.outputs)
        for operand in node.inputs:
            if operand is not None and operand.is_initializer():
                layer, dot, _ = (operand.name or "").partition(".")
                node.name = layer if dot else node.name
    for value in values:
        value.metadata_props.clear()
    return onnx_ir.to_proto(form)
