"""ONNX and ORT models through onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnxruntime

from harness.backends.onnx_errors import RUNTIME_ERRORS, load_error, run_error
from harness.backends.onnx_files import check_external_data
from harness.backends.onnx_options import Request
from harness.backends.sessions import LiveSession, LoadedModel, require_file
from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
# onnxruntime's element types whose numpy name is not the same word.
_DTYPES = {"float": "float32", "double": "float64", "string": "str"}


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a model file; data it keeps in other files is looked for beside it.

    One thread, all graph optimisations and the CPU provider are the defaults: sums
    over several threads may differ in their last bits from run to run.

    Args:
        path: An ``.onnx`` or ``.ort`` file.
        options: ``providers`` (names, or [name, {option = value}]),
            ``graph_optimization_level`` (disable, basic, extended, layout, all),
            ``intra_op_num_threads``, ``inter_op_num_threads``, ``execution_mode``
            (sequential, parallel), ``config`` (session configuration entries).

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: The file is missing, broken or not supported, or a requested
            provider is not there.
        UnsafeModelError: The model keeps data outside its own folder.
    """
    require_file(path)
    request = Request(options)
    check_external_data(path, path.parent)
    return _open(str(path), str(path), request)


def open_bytes(
    model: bytes, options: Mapping[str, object], folder: Path | None = None
) -> LiveSession:
    """Open a serialized model, an edited one for instance; options as for a file.

    Args:
        model: A serialized ModelProto.
        options: As for `open_session`.
        folder: Where the model's external data lie; None when it has none.

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: The bytes are no model, or not a supported one.
        UnsafeModelError: The model keeps data outside `folder`.
    """
    request = Request(options)
    check_external_data(model, folder)
    if folder is not None:
        request.session.add_session_config_entry(_EXTERNAL_FOLDER, str(folder))
    return _open(model, "model in memory", request)


def _open(model: str | bytes, where: str, request: Request) -> LiveSession:
    session = _create(model, where, request)
    outputs = tuple(_spec(value) for value in session.get_outputs())
    _refuse_non_tensors(outputs, where)
    names = [spec.name for spec in outputs]
    run = session.run

    def call(feeds: Arrays) -> dict[str, Array]:
        # The binding takes a dict and no other mapping.
        plain = feeds if type(feeds) is dict else dict(feeds)
        # Fresh memory at each run: the runtime hands its own over and keeps none.
        return dict(zip(names, run(names, plain), strict=True))

    return LiveSession(
        LoadedModel(
            inputs=tuple(_spec(value) for value in session.get_inputs()),
            outputs=outputs,
            runtime={
                "backend": "onnxruntime",
                "version": onnxruntime.__version__,
                "providers": ", ".join(session.get_providers()),
                **request.facts,
            },
            call=call,
            errors=RUNTIME_ERRORS,
            translate=lambda error: run_error(error, where),
        )
    )


def _create(model: str | bytes, where: str, request: Request) -> Any:
    providers = [*request.providers]
    _verify(providers, onnxruntime.get_available_providers(), where)
    try:
        session = onnxruntime.InferenceSession(model, request.session, providers)
    except RUNTIME_ERRORS as error:
        raise load_error(error, model, where) from error
    # A provider that fails must fail the run, not be replaced by another in silence.
    session.disable_fallback()
    _verify(providers, session.get_providers(), where)
    return session


def _verify(
    requested: list[tuple[str, dict[str, Any]]], available: list[str], where: str
) -> None:
    for name, _ in requested:
        if name not in available:
            raise ModelLoadError(
                f"{where}: execution provider {name} is not available;"
                f" this onnxruntime {onnxruntime.__version__} has"
                f" {', '.join(available)}",
                hint="name an available provider, or install the onnxruntime build"
                " that has it",
            )


def _spec(value: Any) -> TensorSpec:
    """From the runtime's ``tensor(float)`` and shape, where None or a name is free."""
    element = value.type.removeprefix("tensor(").removesuffix(")")
    dtype = _DTYPES.get(element, element)
    # An unknown rank and a scalar both read []; the runtime itself can tell them.
    return TensorSpec(value.name, dtype, tuple(value.shape) or None)


def _refuse_non_tensors(outputs: tuple[TensorSpec, ...], where: str) -> None:
    for spec in outputs:
        if "(" in spec.dtype:
            raise ModelLoadError(
                f"{where}: output {spec.name!r} is a {spec.dtype}, not a tensor",
                hint="export the model without ZipMap (skl2onnx: options="
                '{"zipmap": False})',
            )
