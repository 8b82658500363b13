"""Keras models, ``.keras`` and ``.h5``, as Keras itself runs them."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.stderr import quiet_start
from harness.backends.tensorflow_ import import_tensorflow, runtime_facts
from harness.core.errors import HarnessError, ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_MAX_CONFIG = 64 << 20


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a Keras model; batches go through the model's own call, without training.

    Args:
        path: A ``.keras`` or ``.h5`` file that holds a whole model.
        options: None are known.

    Raises:
        SuiteError: An option is given.
        ModelLoadError: The file is missing, broken or holds no whole model.
        UnsafeModelError: The model has Lambda layers, which are code.
    """
    Options("keras", options, ())
    require_file(path)
    tf = import_tensorflow()
    with quiet_start():
        import keras
    try:
        _refuse_lambdas(path)
        model = keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("keras", path, error) from error
    if not model.inputs:
        raise ModelLoadError(
            f"{path}: the model tells no inputs",
            hint="call the model once before saving it, or save a functional model",
        )
    return LiveSession(
        LoadedModel(
            inputs=tuple(_spec(tensor.name, tensor) for tensor in model.inputs),
            outputs=tuple(map(_spec, _output_names(model), model.outputs)),
            runtime={
                "backend": "keras",
                "version": keras.__version__,
                "keras_backend": keras.config.backend(),
                "tensorflow": tf.__version__,
                **runtime_facts(),
            },
            call=_Call(keras, model),
            errors=(tf.errors.OpError, TypeError, ValueError, RuntimeError),
            translate=lambda error: batch_error("keras", str(path), error),
        )
    )


class _Call:
    """Arrays by name -> the model's own structure of inputs, and back."""

    def __init__(self, keras: Any, model: Any) -> None:
        self._keras = keras
        self._model = model
        self._inputs = [tensor.name for tensor in model.inputs]
        self._outputs = _output_names(model)
        # A Sequential takes one tensor; a functional model what it was built from.
        sequential = isinstance(model, keras.Sequential)
        self._structure = model.inputs[0] if sequential else model.input

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        tree, convert = self._keras.tree, self._keras.ops.convert_to_numpy
        arrays = [feeds[name] for name in self._inputs]
        structured = tree.pack_sequence_as(self._structure, arrays)
        answers = tree.flatten(self._model(structured, training=False))
        pairs = zip(self._outputs, answers, strict=True)
        return {name: convert(answer) for name, answer in pairs}


def _output_names(model: Any) -> list[str]:
    """Names of the layers that answer: a Keras model has no other output names."""
    names: list[str] | None = getattr(model, "output_names", None)
    return [model.layers[-1].name] if names is None else names


def _spec(name: str, tensor: Any) -> TensorSpec:
    dtype = "str" if tensor.dtype == "string" else str(tensor.dtype)
    return TensorSpec(name, dtype, tuple(tensor.shape))


def _refuse_lambdas(path: Path) -> None:
    """Refuse what Keras's safe mode refuses, before it reads, in every version."""
    for name in _lambdas(json.loads(_config(path))):
        raise UnsafeModelError(
            f"{path}: layer {name!r} is a Lambda: Python code inside the model file",
            hint="save the model with a registered layer class in its place",
        )


def _config(path: Path) -> str | bytes:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as member:
            return member.read(_MAX_CONFIG)
    import h5py

    with h5py.File(path) as file:
        config: str | bytes | None = file.attrs.get("model_config")
    if config is None:
        raise ModelLoadError(
            f"{path} holds weights and no model",
            hint="save the whole model: model.save(...), not save_weights(...)",
        )
    return config


def _lambdas(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda":
            inner = config.get("config")
            yield str(inner.get("name") if isinstance(inner, dict) else inner)
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _lambdas(item)
