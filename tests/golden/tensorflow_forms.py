"""Runs the forms that need TensorFlow or LiteRT, in a process of their own.

    python tensorflow_forms.py IMAGES.npy ANSWERS.npz MODELS...

writes an array of probabilities under ``<index of MODELS>/<form>``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    image = np.load(sys.argv[1], allow_pickle=False)
    answers = {
        f"{index}/{form}": answer
        for index, models in enumerate(sys.argv[3:])
        for form, answer in _answers(Path(models), image).items()
    }
    np.savez(sys.argv[2], **answers)


def _answers(models: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "digits.keras": np.asarray(
            keras.saving.load_model(models / "digits.keras")(image)
        ),
        "savedmodel": _savedmodel(models / "savedmodel", image),
        "frozen.pb": _frozen(models / "frozen.pb", image),
        "digits.tflite": _tflite(models / "digits.tflite", image),
        "digits-int8.tflite": _tflite(models / "digits-int8.tflite", image),
    }


def _savedmodel(path: Path, image: np.ndarray) -> np.ndarray:
    loaded = tf.saved_model.load(str(path))
    answer = loaded.signatures["serving_default"](image=tf.constant(image))
    return answer["probabilities"].numpy()


def _frozen(path: Path, image: np.ndarray) -> np.ndarray:
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        return session.run("Identity:0", {"image:0": image})


def _tflite(path: Path, image: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_path=str(path))
    given = interpreter.get_input_details()[0]
    asked = interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(given["index"], image.shape)
    interpreter.allocate_tensors()
    if given["dtype"] == np.int8:
        scale, zero_point = given["quantization"]
        codes = np.round(image / scale) + zero_point
        image = np.clip(codes, -128, 127).astype(np.int8)
    interpreter.set_tensor(given["index"], image)
    interpreter.invoke()
    answer = interpreter.get_tensor(asked["index"])
    if asked["dtype"] == np.int8:
        scale, zero_point = asked["quantization"]
        answer = (answer.astype(np.float32) - zero_point) * np.float32(scale)
    return answer


if __name__ == "__main__":
    main()
