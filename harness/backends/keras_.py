"""Keras models, ``.keras``, ``.h5``, JSON with weights, as Keras itself runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.backends.factories import imported
from harness.backends.keras_call import keras_call
from harness.backends.keras_config import refuse_code
from harness.backends.keras_files import (
    archive_config,
    form_of,
    hdf5_config,
    json_config,
    weights_of,
)
from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.stderr import quiet_start
from harness.backends.tensorflow_runtime import import_tensorflow, runtime_facts
from harness.core.errors import HarnessError, ModelLoadError
from harness.core.provenance import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Runtime

_ALLOWED = frozenset({"allow_lambda", "custom_modules", "weights"})


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a Keras model; batches go through the model's own call, without training.

    Args:
        path: A ``.keras`` or ``.h5`` file of a whole model, or a ``.json`` that
            `to_json` wrote.
        options: ``allow_lambda``, names of Lambda layers that may run;
            ``custom_modules``, modules that are imported, and whose classes the model
            may have; ``weights`` of a JSON configuration, relative to its folder (its
            name and .weights.h5).

    Raises:
        SuiteError: An option is unknown, or no weights are named.
        ModelLoadError: The file is missing, broken or holds no whole model.
        UnsafeModelError: The model has code that is not allowed by name, or data
            outside of its files.
    """
    request = Options("keras", options, _ALLOWED)
    require_file(path)
    tf = import_tensorflow()
    with quiet_start():
        import keras
    try:
        model, facts = _load(keras, path, request)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("keras", path, error) from error
    if not model.inputs:
        raise ModelLoadError(
            f"{path}: the model tells no inputs",
            hint="call the model once before saving it, or save a functional model",
        )
    called = keras_call(model)
    return LiveSession(
        LoadedModel(
            inputs=called.inputs,
            outputs=called.outputs,
            runtime={
                "backend": "keras",
                "version": keras.__version__,
                "keras_backend": keras.config.backend(),
                "tensorflow": tf.__version__,
                **runtime_facts(),
                **facts,
            },
            call=called.call,
            errors=(tf.errors.OpError, TypeError, ValueError, RuntimeError),
            translate=lambda error: batch_error("keras", str(path), error),
        )
    )


def _load(keras: Any, path: Path, request: Options) -> tuple[Any, Runtime]:
    """The model, and what the record says of how it was loaded."""
    allowed = request.names("allow_lambda")
    facts: Runtime = {"allow_lambda": ", ".join(allowed)} if allowed else {}
    modules = request.names("custom_modules")
    for module in modules:
        imported(module)
    weights = request.get("weights", str, "")
    form = form_of(path)
    if form == "json":
        model, file = _from_json(keras, path, weights, allowed, modules)
        # The variant's digest is of the file that it names, which holds no weight.
        digest = {"weights": file.name, "weights_sha256": sha256_of(file)}
        return model, {**facts, **digest}
    if weights:
        raise request.wrong("weights", weights, "a file of a JSON configuration alone")
    config = archive_config(path) if form == "archive" else hdf5_config(path)
    refuse_code(config, path, allowed, modules)
    safe = not allowed
    model = keras.saving.load_model(str(path), compile=False, safe_mode=safe)
    return model, facts


def _from_json(
    keras: Any, path: Path, weights: str, allowed: list[str], modules: list[str]
) -> tuple[Any, Path]:
    config = json_config(path)
    refuse_code(config, path, allowed, modules)
    file = weights_of(path, weights)
    # What it was trained with says nothing of what it answers.
    config.pop("compile_config", None)
    model = keras.saving.deserialize_keras_object(config, safe_mode=not allowed)
    model.load_weights(str(file))
    return model, file
