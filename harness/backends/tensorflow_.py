"""TensorFlow: SavedModels, checkpoints and frozen GraphDefs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.tensorflow_checkpoint import open_checkpoint
from harness.backends.tensorflow_checkpoint_files import prefix_of
from harness.backends.tensorflow_frozen import open_frozen
from harness.backends.tensorflow_runtime import import_tensorflow, runtime_facts
from harness.backends.tensorflow_saved import open_saved_model
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.backends.tensorflow_calls import ModelCall
    from harness.core.protocols import Runtime


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a SavedModel folder, a checkpoint or a GraphDef.

    Runs on one thread where TensorFlow has not been used in the process before.

    Args:
        path: Folder of a SavedModel or of checkpoints; a checkpoint's ``.index``, or
            its path without suffix; a ``.pb`` or ``.pbtxt`` file.
        options: ``tags`` and ``signature`` (serving_default) of a SavedModel or a
            checkpoint's MetaGraph; ``inputs`` and ``outputs``, lists of tensor names
            ("image" is "image:0"), of any graph; ``factory``, ``factory_args`` and
            ``attribute`` of a checkpoint; ``allow_ops``, names of operators on files
            that may run.

    Raises:
        SuiteError: An option is unknown, or names what the model does not have.
        ModelLoadError: The file is missing, broken or not supported.
        UnsafeModelError: The model would run Python code, open files by name, or has
            an asset outside its folder.
    """
    tf = import_tensorflow()
    try:
        function = _open(tf, path, options)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("tensorflow", path, error) from error
    facts: Runtime = {
        "backend": "tensorflow",
        "version": tf.__version__,
        **runtime_facts(),
        **function.facts,
    }
    return LiveSession(
        LoadedModel(
            inputs=function.inputs,
            outputs=function.outputs,
            runtime=facts,
            call=function.call,
            errors=(tf.errors.OpError, TypeError, ValueError),
            translate=lambda error: batch_error("tensorflow", str(path), error),
        )
    )


def _open(tf: Any, path: Path, options: Mapping[str, object]) -> ModelCall:
    prefix = prefix_of(path)
    if prefix is not None:
        return open_checkpoint(tf, prefix, options)
    if path.is_dir():
        return open_saved_model(tf, path, options)
    require_file(path)
    return open_frozen(tf, path, options)
