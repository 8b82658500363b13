"""Keras' own forms of the digits CNN, and of models with code in them."""

from pathlib import Path

import pytest

from harness.backends.tensorflow_runtime import import_tensorflow

DIGITS = Path(__file__).parents[3] / "golden" / "digits"


@pytest.fixture(scope="session")
def keras():
    import_tensorflow()
    import keras

    return keras


@pytest.fixture(scope="session")
def digits(keras):
    return keras.saving.load_model(DIGITS / "models" / "digits.keras")


@pytest.fixture(scope="session")
def forms(digits, tmp_path_factory):
    """Folder of the digits CNN in each form; JSON with weights of both kinds."""
    folder = tmp_path_factory.mktemp("keras")
    digits.save(folder / "digits.keras")
    digits.save(folder / "whole.h5")
    (folder / "digits.json").write_text(digits.to_json())
    digits.save_weights(folder / "digits.weights.h5")
    return folder


@pytest.fixture(scope="session")
def save(keras):
    """Writes a model in a form, and gives the path to open."""

    def saved(model, folder, form):
        path = folder / f"model.{form}"
        if form == "json":
            path.write_text(model.to_json())
            model.save_weights(folder / "model.weights.h5")
        else:
            model.save(path)
        return path

    return saved


@pytest.fixture(scope="session")
def with_lambda(keras):
    """A model of a Lambda layer "twice" and a dense one; nested where asked."""

    def made(*, nested=False):
        keras.utils.set_random_seed(0)
        inner = keras.Input((4,), name="inner")
        doubled = keras.layers.Lambda(lambda v: v * 2, (4,), name="twice")(inner)
        model = keras.Model(inner, doubled)
        if not nested:
            return model
        outer = keras.Input((4,), name="x")
        return keras.Model(outer, keras.layers.Dense(2, name="y")(model(outer)))

    return made
