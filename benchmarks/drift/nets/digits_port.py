"""The digits network in Keras' other forms: once right, and once with each slip."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

SLIPS = ("symmetric_padding", "epsilon", "flatten_order")


def keras_port(original: Path, slip: str | None) -> Any:
    """The network of `original`, written again with one slip."""
    import keras

    trained = keras.saving.load_model(original)
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1")(image)
    x = layers.BatchNormalization(
        epsilon=1e-5 if slip == "epsilon" else 1e-3, name="bn1"
    )(x)
    x = _second(layers, x, symmetric=slip == "symmetric_padding")
    if slip == "flatten_order":
        x = layers.Permute((3, 1, 2), name="flatten_order")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(10, activation="softmax", name="probabilities")(x)
    model = keras.Model(image, x)
    model.set_weights(trained.get_weights())
    return model


def _second(layers: Any, x: Any, *, symmetric: bool) -> Any:
    if symmetric:
        x = layers.ZeroPadding2D(1, name="conv2_pad")(x)
    padding = "valid" if symmetric else "same"
    return layers.Conv2D(24, 3, 2, padding=padding, activation="relu", name="conv2")(x)


def to_tflite(model: Any, path: Path) -> None:
    """Convert a Keras model to a float TFLite file."""
    import tensorflow as tf

    with contextlib.redirect_stdout(io.StringIO()):
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def torch_program(original: Path, ports: Path, path: Path) -> None:
    """Write the network ported to PyTorch, without a slip, as an exported program.

    Args:
        original: Keras file with the weights.
        ports: The script with the port, of the suite of regressions.
        path: ``.pt2`` file to write.
    """
    import keras
    import torch

    port = _script(ports)
    trained = keras.saving.load_model(original)
    weights: dict[str, npt.NDArray[np.float32]] = {
        variable.path: variable.numpy() for variable in trained.weights
    }
    model = port.Digits(port.Slip()).eval()
    model.load_state_dict(port._state(weights))  # noqa: SLF001 - a script, not a library
    batch = torch.export.Dim("batch", min=1)
    example = (torch.zeros(2, 1, 8, 8),)
    program = torch.export.export(model, example, dynamic_shapes=({0: batch},))
    torch.export.save(program, path)


def _script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
