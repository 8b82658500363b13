"""LiteRT's forms of the digits CNN and of small models, made by its converter."""

import os
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from harness.backends.tensorflow_runtime import import_tensorflow, without_advice

DIGITS = Path(__file__).parents[3] / "golden" / "digits"


@pytest.fixture(scope="session")
def tf():
    return import_tensorflow()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("litert")


@pytest.fixture(scope="session")
def write(tf, folder):
    """Converts what a converter holds, and gives the file's path."""

    def written(name, converter):
        # The converter tells what it does, on every channel that it has.
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
            without_advice(tf),
        ):
            data = converter.convert()
        (folder / f"{name}.tflite").write_bytes(data)
        return folder / f"{name}.tflite"

    return written


@pytest.fixture(scope="session")
def convert(tf, folder, write):
    """Converts functions by their signatures, and the variables that they hold.

    The `settings` are the converter's.
    """

    def converted(name, signatures, held=(), **settings):
        module = tf.Module()
        module.functions, module.held = signatures, held
        saved = str(folder / name)
        tf.saved_model.save(module, saved, signatures=signatures)
        keys = sorted(signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, keys)
        for key, value in settings.items():
            setattr(converter, key, value)
        return write(name, converter)

    return converted


@pytest.fixture(scope="session")
def digits_form(tf, write, golden_images):
    """Name of a form -> the digits CNN in it."""

    @cache
    def made(name):
        if name == "unsigned":
            # From a graph there comes a file without a signature.
            converter = tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(
                str(DIGITS / "models" / "frozen.pb"), ["image"], ["Identity"]
            )
        else:
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(DIGITS / "models" / "savedmodel")
            )
            configure(tf, converter, name, golden_images)
        return write(name, converter)

    return made


def configure(tf, converter, name, images):
    ops, spec = tf.lite.OpsSet, converter.target_spec
    if name == "float":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "fp16":
        spec.supported_types = [tf.float16]
    elif name != "dynamic":
        converter.representative_dataset = lambda: ([row[None]] for row in images[:100])
        spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
    if name.startswith("int16"):
        spec.supported_ops = [
            ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    if name in {"int8", "uint8", "int16"}:
        converter.inference_input_type = tf.dtypes.as_dtype(name)
        converter.inference_output_type = tf.dtypes.as_dtype(name)


@pytest.fixture(scope="session")
def x():
    return np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
