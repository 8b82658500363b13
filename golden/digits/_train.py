"""The original: a small CNN, trained in float64 and rounded once to float32.

Training amplifies rounding, and rounding differs between CPUs. In float64 what is
amplified stays far below one float32 step, so another machine ends at the same
weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
from _data import SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _data import Digits
    from numpy.typing import NDArray

SEED = 13
EPOCHS = 5
BATCH = 48
LEARNING_RATE = 1e-3


def trained(digits: Digits) -> keras.Model:
    """The float32 model, trained on the training part."""
    model = architecture("float64")
    model.set_weights(list(_initial_weights(model)))
    _fit(model, digits)
    original = architecture("float32")
    original.set_weights([w.astype(np.float32) for w in model.get_weights()])
    return original


def architecture(dtype: str) -> keras.Model:
    """Image (n, 8, 8, 1), scaled to [0, 1], to probabilities (n, 10).

    The batch norm sits between a ReLU and a zero-padded convolution: no converter can
    fold it into either, and so an epsilon that was lost shows. The second convolution
    has stride 2 on an even size, where SAME pads one side only.
    """
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image", dtype=dtype)
    x = layers.Conv2D(
        16, 3, padding="same", activation="relu", name="conv1", dtype=dtype
    )(image)
    x = layers.BatchNormalization(momentum=0.9, name="bn1", dtype=dtype)(x)
    x = layers.Conv2D(
        24, 3, 2, padding="same", activation="relu", name="conv2", dtype=dtype
    )(x)
    x = layers.Flatten(name="flatten", dtype=dtype)(x)
    x = layers.Dense(10, activation="softmax", name="probabilities", dtype=dtype)(x)
    return keras.Model(image, x, name="digits")


def _initial_weights(model: keras.Model) -> Iterator[NDArray[np.float64]]:
    """He-normal kernels (He et al. 2015, eq. 10) drawn by numpy, the rest as it is."""
    rng = np.random.default_rng(SEED)
    for variable in model.weights:
        if variable.name == "kernel":
            fan_in = np.prod(variable.shape[:-1])
            yield rng.normal(0.0, np.sqrt(2.0 / fan_in), variable.shape)
        else:
            yield variable.numpy()


def _fit(model: keras.Model, digits: Digits) -> None:
    rng = np.random.default_rng(SEED + 1)
    image = digits.image[digits.training].astype(np.float64) * SCALE
    label = digits.label[digits.training]
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(dtype="float64")

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )

    for _ in range(EPOCHS):
        order = rng.permutation(len(label))
        # The incomplete last batch is left out: one shape, one trace.
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            step(tf.constant(image[rows]), tf.constant(label[rows]))
