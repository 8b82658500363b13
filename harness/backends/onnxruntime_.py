"""ONNX and ORT models through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from harness.backends.flat_files import check_ort, is_ort
from harness.backends.onnx_declared import Declared, read_declared
from harness.backends.onnx_errors import RUNTIME_ERRORS, load_error, run_error
from harness.backends.onnx_files import check_onnx
from harness.backends.onnx_options import Request, provider_facts
from harness.backends.onnx_values import input_of, output_of, runner_of
from harness.backends.sessions import LiveSession, LoadedModel, require_file
from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array, Arrays

_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a model file; data it keeps in other files is looked for beside it.

    One thread, all graph optimisations and the CPU provider are the defaults: sums
    over several threads may differ in their last bits from run to run.

    Args:
        path: An ``.onnx`` or ``.ort`` file.
        options: ``providers`` (names, or [name, {option = value}]),
            ``graph_optimization_level`` (disable, basic, extended, layout, all),
            ``intra_op_num_threads``, ``inter_op_num_threads``, ``execution_mode``
            (sequential, parallel), ``disabled_optimizers`` (names; those that this
            onnxruntime does not have it passes over), ``enable_cpu_mem_arena``,
            ``enable_mem_pattern``, ``config`` (session configuration entries; one that
            the runtime would drop is an error).

    Raises:
        SuiteError: An option, or one of a provider, is unknown or has a wrong value.
        ModelLoadError: The file is missing, broken or not supported, or a requested
            provider is not there.
        UnsafeModelError: The model keeps data outside its own folder, or is out of
            bounds: graphs inside of graphs, functions that unfold without end.
    """
    require_file(path)
    request = Request(options)
    if is_ort(path):
        check_ort(path)
    else:
        check_onnx(path, path.parent)
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
    if not is_ort(model):
        check_onnx(model, folder)
    if folder is not None:
        request.session.add_session_config_entry(_EXTERNAL_FOLDER, str(folder))
    return _open(model, "model in memory", request)


def _open(model: str | bytes, where: str, request: Request) -> LiveSession:
    session = _create(model, where, request)
    declared = _declared(session, model)
    inputs = [input_of(v, declared, where) for v in session.get_inputs()]
    outputs = [output_of(v, declared, where) for v in session.get_outputs()]
    run = runner_of(session, inputs, outputs)

    def call(feeds: Arrays) -> dict[str, Array]:
        # The binding takes a dict and no other mapping.
        return run(feeds if type(feeds) is dict else dict(feeds))

    return LiveSession(
        LoadedModel(
            inputs=tuple(value.spec for value in inputs),
            outputs=tuple(value.spec for value in outputs),
            runtime={
                "backend": "onnxruntime",
                "version": onnxruntime.__version__,
                "providers": ", ".join(session.get_providers()),
                **request.facts,
                **provider_facts(session, request.providers),
                **{
                    f"{v.spec.name}.{k}": f for v in outputs for k, f in v.facts.items()
                },
            },
            call=call,
            errors=RUNTIME_ERRORS,
            translate=lambda error: run_error(error, where),
        )
    )


def _declared(session: Any, model: str | bytes) -> Declared:
    """What only the file tells, where something depends on it."""
    values = [*session.get_inputs(), *session.get_outputs()]
    if all(value.shape for value in values):
        return Declared()
    return read_declared(model if isinstance(model, bytes) else Path(model))


def _create(model: str | bytes, where: str, request: Request) -> Any:
    providers = [*request.providers]
    _verify(providers, onnxruntime.get_available_providers(), where)
    try:
        session = onnxruntime.InferenceSession(
            model,
            request.session,
            providers,
            disabled_optimizers=request.disabled or None,
        )
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
