"""Keras applications with seeded weights, calibrated on photographs, by tf2onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drift import data

if TYPE_CHECKING:
    from pathlib import Path

N_CLASSES = 10
# Spreads the logits, so that the largest probability is no tie.
_LOGIT_SPREAD = 1.0


def build(folder: Path, application: str, size: int, **options: Any) -> None:
    """Write ``model.onnx`` and ``inputs.npz`` of one application."""
    images = data.crops(size)
    model = network(application, size, **options)
    if application == "ResNet50V2":
        # All above zero in the stem: padding before max pooling then is one with the
        # pooling's own, so the runtime's fusion of the two changes nothing.
        _lift_stem(model, 6.0)
    calibrate(model, images)
    export(model, folder / "model.onnx", images.shape[1:])
    np.savez(folder / "inputs.npz", **{"image:0": images})


def build_older(folder: Path) -> None:
    """Write the network of `older`."""
    images = data.crops(40)
    model = older()
    calibrate(model, images)
    export(model, folder / "model.onnx", images.shape[1:])
    np.savez(folder / "inputs.npz", **{"image:0": images})


def older() -> Any:
    """TensorFlow's own operators: response normalisation, blocks to space, resizing."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(9)
    layers = keras.layers
    start = {"padding": "same", "kernel_initializer": "he_normal"}
    image = keras.Input((40, 40, 3), name="image")
    x = layers.Conv2D(16, 5, strides=2, activation="relu", **start)(image)
    x = layers.Lambda(lambda t: tf.nn.lrn(t, 2, bias=1.0, alpha=0.2, beta=0.75))(x)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = layers.LeakyReLU()(
        layers.BatchNormalization()(layers.Conv2D(16, 3, **start)(x))
    )
    x = layers.Lambda(lambda t: tf.nn.depth_to_space(t, 2))(x)
    x = layers.Lambda(lambda t: tf.image.resize(t, (24, 24)))(x)
    x = layers.AveragePooling2D(3, 2, padding="same")(x)
    x = layers.Conv2D(8, 3, strides=2, activation=_gelu, **start)(x)
    x = layers.Dense(24, activation="elu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(N_CLASSES, activation="softmax")(x))


def _gelu(x: Any) -> Any:
    """The tanh form: tf2onnx has no Erfc for the other."""
    import keras

    return keras.ops.gelu(x, approximate=True)


def build_fused(folder: Path) -> None:
    """ResNet50V2 whose stem is negative at its border: runtimes fuse it wrongly."""
    images = data.crops(64)
    model = network("ResNet50V2", 64)
    _lift_stem(model, -0.5)
    calibrate(model, images)
    export(model, folder / "model.onnx", images.shape[1:])
    np.savez(folder / "inputs.npz", **{"image:0": images})


def network(application: str, size: int, **options: Any) -> Any:
    """The untrained network; the same at every call."""
    import keras

    keras.utils.set_random_seed(7)
    make = getattr(keras.applications, application)
    shape = (size, size, 3)
    return make(weights=None, input_shape=shape, classes=N_CLASSES, **options)


def calibrate(model: Any, images: data.Floats) -> None:
    """Give normalisations uneven gains, statistics of `images`; spread the logits."""
    import keras

    rng = np.random.default_rng(11)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.moving_mean.shape[0]
            if layer.gamma is not None:
                layer.gamma.assign(rng.uniform(0.7, 1.3, n))
            layer.beta.assign(rng.normal(0, 0.2, n))
            layer.momentum = 0.0
    model(images, training=True)
    _spread_logits(model, images)


def export(model: Any, path: Path, shape: tuple[int, ...], opset: int = 17) -> None:
    """Convert with tf2onnx, the batch left free."""
    import onnx
    import tf2onnx

    frozen = freeze(model, shape)
    converted, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[tensor.name for tensor in frozen.inputs],
        output_names=[tensor.name for tensor in frozen.outputs],
        opset=opset,
    )
    onnx.save(converted, path)


def freeze(model: Any, shape: tuple[int, ...]) -> Any:
    """The network as one function whose weights are constants."""
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    call = tf.function(lambda image: model(image, training=False))
    signature = tf.TensorSpec([None, *shape], tf.float32, name="image")
    concrete = call.get_concrete_function(signature)
    return convert_to_constants.convert_variables_to_constants_v2(concrete)


def _spread_logits(model: Any, images: data.Floats) -> None:
    dense = model.layers[-1]
    kernel, bias = dense.get_weights()
    features = _features(model)(images, training=False).numpy()
    logits = features @ kernel
    scale = _LOGIT_SPREAD / max(float(np.std(logits - logits.mean(axis=0))), 1e-6)
    # Centred, or every sample would answer with the same class.
    shift = -(logits * scale).mean(axis=0)
    dense.set_weights([kernel * scale, (bias + shift).astype(np.float32)])


def _features(model: Any) -> Any:
    import keras

    return keras.Model(model.inputs, model.layers[-1].input)


def _lift_stem(model: Any, bias: float) -> None:
    stem = model.get_layer("conv1_conv")
    kernel, old = stem.get_weights()
    stem.set_weights([kernel, np.full_like(old, bias)])
