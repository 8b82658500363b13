"""PyTorch networks through both of its exporters."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drift import data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.drift.data import Array

Inputs = dict[str, "Array"]


def _text() -> Inputs:
    tokens, mask = data.texts(32)
    return {"tokens": tokens, "mask": mask}


def _sequence() -> Inputs:
    return {"sequence": data.sequences(16, 12)}


INPUTS: dict[str, Callable[[], Inputs]] = {
    "encoder": _text,
    "vit": lambda: {"image": data.planes(32)},
    "lstm": _sequence,
    "gru": _sequence,
    "signal": lambda: {"signal": data.signals(128)},
    "wave": lambda: {"signal": data.signals(96)},
    "decoder": lambda: {"image": data.planes(32)},
    "convnet": lambda: {"image": data.planes(64)},
    "mixer": lambda: {"tokens": data.sequences(32, 12)},
}
# Not all: otherwise statistics of the batch would be the trained ones.
_N_CALIBRATION = 20
# PyTorch's initial weights let a signal die out within a few layers.
_GAIN = 2.0
OUTPUTS = {"mixer": ("left", "right")}


def network(name: str) -> Any:
    """The network with seeded weights and statistics of real samples."""
    import torch
    from torch import nn

    from benchmarks.drift.nets import torch_modules as modules

    torch.manual_seed(5)
    makers: dict[str, Callable[[], nn.Module]] = {
        "encoder": modules.TextEncoder,
        "vit": modules.ImageTransformer,
        "lstm": lambda: modules.Recurrent(nn.LSTM),
        "gru": lambda: modules.Recurrent(nn.GRU),
        "signal": modules.SignalNet,
        "wave": modules.WaveNet,
        "decoder": modules.Decoder,
        "convnet": modules.ConvNet,
        "mixer": modules.Mixer,
    }
    model = makers[name]()
    _liven(model)
    arrays = INPUTS[name]().values()
    _calibrate(model, tuple(torch.from_numpy(a[:_N_CALIBRATION]) for a in arrays))
    return model.eval()


def build(folder: Path, name: str, exporter: str = "legacy") -> None:
    """Write ``model.onnx`` and ``inputs.npz``."""
    inputs = INPUTS[name]()
    export(network(name), inputs, folder / "model.onnx", name, exporter)
    np.savez(folder / "inputs.npz", **inputs)


def export(model: Any, inputs: Inputs, path: Path, name: str, exporter: str) -> None:
    """Export by ``legacy`` (opset 17) or ``dynamo`` (opset 20), the batch left free."""
    import torch

    examples = tuple(torch.from_numpy(array[:2]) for array in inputs.values())
    names = {
        "input_names": list(inputs),
        "output_names": list(OUTPUTS.get(name, ("scores",))),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "legacy":
            _legacy(model, examples, path, names)
        else:
            _dynamo(model, examples, path, names)


def _legacy(model: Any, examples: Any, path: Path, names: dict[str, Any]) -> None:
    import torch

    every = [*names["input_names"], *names["output_names"]]
    torch.onnx.export(
        model,
        examples,
        path,
        opset_version=17,
        dynamo=False,
        dynamic_axes={name: {0: "batch"} for name in every},
        # Otherwise every normalisation is folded into the layer before it.
        training=torch.onnx.TrainingMode.PRESERVE,
        **names,
    )


def _dynamo(model: Any, examples: Any, path: Path, names: dict[str, Any]) -> None:
    import torch

    batch = torch.export.Dim("batch", min=1)
    shapes = tuple({0: batch} for _ in examples)
    torch.onnx.export(
        model,
        examples,
        path,
        opset_version=20,
        dynamo=True,
        dynamic_shapes=shapes,
        external_data=False,
        verbose=False,
        **names,
    )


def _liven(model: Any) -> None:
    """Uneven gains and offsets of normalisations; biases that count."""
    import torch
    from torch import nn

    weighted = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.InstanceNorm2d)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, norms):
                module.weight.uniform_(0.6, 1.4)
                module.bias.normal_(0, 0.2)
            elif isinstance(module, weighted):
                module.weight.mul_(_GAIN)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1)
            elif isinstance(module, nn.RNNBase):
                for parameter in module.parameters():
                    parameter.mul_(_GAIN)


def _calibrate(model: Any, samples: Any) -> None:
    """Statistics of batch normalisations, in one pass over the samples."""
    import torch
    from torch import nn

    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(*samples)
