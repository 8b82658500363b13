"""The original and its TensorFlow forms, each made with TensorFlow's own tool."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import keras
    import numpy as np
    from numpy.typing import NDArray

IMAGE = tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")


def write(
    model: keras.Model, calibration: NDArray[np.float32], folder: Path
) -> tf.types.experimental.GenericFunction:
    """Write every TensorFlow form of `model`.

    Args:
        model: The trained original.
        calibration: (n, 8, 8, 1), scaled, from the training part only.
        folder: Where the files go.

    Returns:
        The function image -> probabilities that the forms were traced from.
    """

    @tf.function(input_signature=[IMAGE])
    def digits(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    _write_keras(model, folder / "digits.keras")
    _write_savedmodel(model, digits, folder / "savedmodel")
    traced = digits.get_concrete_function()
    frozen = convert_variables_to_constants_v2(traced).graph.as_graph_def()
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString(deterministic=True))
    savedmodel = str(folder / "savedmodel")
    converter = tf.lite.TFLiteConverter.from_saved_model(savedmodel)
    (folder / "digits.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_saved_model(savedmodel)
    _make_int8(converter, calibration)
    (folder / "digits-int8.tflite").write_bytes(converter.convert())
    return digits


def _write_keras(model: keras.Model, path: Path) -> None:
    """Save, then take the date out of the archive and its metadata."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(members["metadata.json"])
    metadata["date_saved"] = "1980-01-01@00:00:00"
    members["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _write_savedmodel(
    model: keras.Model,
    digits: tf.types.experimental.GenericFunction,
    folder: Path,
) -> None:
    """Save, then take the random identifier out of the fingerprint.

    By TensorFlow's own call: Keras' ``model.export`` stores every variable twice, in
    an order that changes from run to run.
    """
    module = tf.Module()
    # Keras' variables wrap TensorFlow's; only the latter are saved with a function.
    module.variables_of_model = [variable.value for variable in model.variables]
    module.serve = digits
    tf.saved_model.save(module, str(folder), signatures=digits)
    (folder / "assets").rmdir()
    path = folder / "fingerprint.pb"
    fingerprint = FingerprintDef.FromString(path.read_bytes())
    fingerprint.uuid = "0"
    path.write_bytes(fingerprint.SerializeToString(deterministic=True))


def _make_int8(
    converter: tf.lite.TFLiteConverter, calibration: NDArray[np.float32]
) -> None:
    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for row in range(len(calibration)):
            yield [calibration[row : row + 1]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
