"""The live fault on a whole network: ResNet50V2, Keras against its ONNX conversion.

Seeded weights, the stem's bias at -0.5: the stem pads with zeros in front of its max
pooling and has no ReLU between, so onnxruntime's fusion of the two changes numbers.

    python -m benchmarks.fusion [--samples 8]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from harness.pipeline.drift import DiagnoseOptions, diagnose_pair
from harness.report.drift import render_drift

_SIDE = 224


def main() -> None:
    """Make both files, diagnose, and print what was found and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=8)
    samples = parser.parse_args().samples
    with TemporaryDirectory() as folder:
        images = _images(samples)
        keras_file, onnx_file = _models(Path(folder), images)
        data = Path(folder, "golden.npz")
        np.savez(data, image=images)
        started = perf_counter()
        report, _ = diagnose_pair(
            keras_file, onnx_file, data, DiagnoseOptions(n_samples=samples)
        )
        seconds = perf_counter() - started
        size = onnx_file.stat().st_size
    print(render_drift(report), end="")
    print(f"{size / 1e6:.0f} MB, {samples} samples, {seconds:.1f} s")


def _images(samples: int) -> np.ndarray:
    """Smooth colours in [-1, 1]: coarse noise, drawn larger."""
    coarse = np.random.default_rng(0).uniform(-1, 1, (samples, 7, 7, 3))
    return coarse.repeat(_SIDE // 7, 1).repeat(_SIDE // 7, 2).astype(np.float32)


def _models(folder: Path, images: np.ndarray) -> tuple[Path, Path]:
    import keras
    import onnx
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(0)
    network = keras.applications.ResNet50V2(
        weights=None, input_shape=(_SIDE, _SIDE, 3), classes=10
    )
    kernel, bias = network.get_layer("conv1_conv").get_weights()
    network.get_layer("conv1_conv").set_weights([kernel, np.full_like(bias, -0.5)])
    _calibrate(network, images)
    network.save(folder / "reference.keras")
    shape = tf.TensorSpec([None, _SIDE, _SIDE, 3], tf.float32, name="image")

    @tf.function(input_signature=[shape])
    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": network(image, training=False)}

    model, _ = tf2onnx.convert.from_function(answer, [shape], opset=18)
    onnx.save(model, folder / "candidate.onnx")
    return folder / "reference.keras", folder / "candidate.onnx"


def _calibrate(network: object, images: np.ndarray) -> None:
    """Batch norms take the images' own means: unscaled, all outputs are alike."""
    norms = [layer for layer in network.layers if hasattr(layer, "moving_mean")]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


if __name__ == "__main__":
    main()
