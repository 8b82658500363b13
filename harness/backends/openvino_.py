"""OpenVINO's intermediate representation, and the forms that its frontends read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import openvino

from harness.backends.openvino_errors import compile_error, read_error, shapes_error
from harness.backends.openvino_files import check_file
from harness.backends.openvino_ports import Port, ports
from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    require_file,
)
from harness.backends.shapes import Shape, check_shape_names, read_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime

_ALLOWED = frozenset({"config", "device", "num_threads", "precision", "shapes"})
_PRECISIONS = ("f32", "f16", "bf16", "default")
_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, MemoryError)


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a model and compile it for a device; nothing is cached or downloaded.

    float32 and one thread are the defaults. Left to itself, the CPU plugin computes in
    bfloat16 wherever the processor can. What it really computes in is recorded:
    ``precision``, and ``kernels`` with the number of layers of each precision.

    A model that keeps state begins each batch in its initial state. A port goes by the
    shortest of its names, then the first in the alphabet; one without a name of its
    own is ``input_<i>`` or ``output_<i>``.

    Args:
        path: The ``.xml`` of an IR, its ``.bin`` beside it; or an ``.onnx``, a
            ``.tflite``, a frozen ``.pb`` or a SavedModel folder, where the suite says
            ``backend = "openvino"``.
        options: ``precision`` (f32, f16, bf16; default leaves it to the device),
            ``num_threads`` (1; 0 leaves it to the runtime), ``device`` ("CPU"),
            ``shapes`` (input name = sizes, -1 is free: frees a fixed batch),
            ``config`` (properties of the device).

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: A file is missing, broken or not supported, or the device is
            not there.
        UnsafeModelError: The model keeps data outside its own folder, or is out of all
            bounds.
    """
    request = _Request(options)
    if not path.is_dir():
        require_file(path)
        check_file(path)
    compiled, inputs, outputs = _compiled(path, request)
    return LiveSession(
        LoadedModel(
            inputs=tuple(port.spec for port in inputs),
            outputs=tuple(port.spec for port in outputs),
            runtime=_facts(compiled, request, [*inputs, *outputs]),
            call=_Call(compiled, inputs, outputs),
            errors=_ERRORS,
            translate=lambda error: batch_error("openvino", str(path), error),
        )
    )


class _Request:
    """The options, as OpenVINO takes them."""

    def __init__(self, given: Mapping[str, object]) -> None:
        options = Options("openvino", given, _ALLOWED)
        self.device = options.get("device", str, "CPU")
        self.precision = options.choice("precision", _PRECISIONS, "f32")
        self.shapes = read_shapes(options)
        threads = options.count("num_threads", 1)
        self.config: dict[str, str] = {}
        if self.precision != "default":
            self.config["INFERENCE_PRECISION_HINT"] = self.precision
        # Other devices know no such property, and refuse it.
        if self.device == "CPU" and threads:
            self.config["INFERENCE_NUM_THREADS"] = str(threads)
        extra = options.get("config", dict, {})
        self.config |= {str(key): str(extra[key]) for key in sorted(extra)}


class _Call:
    """Arrays by name -> what the compiled model answers."""

    def __init__(self, compiled: Any, inputs: list[Port], outputs: list[Port]) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = [port.name for port in inputs]
        self._outputs = [port.name for port in outputs]
        self._stateful = bool(self._request.query_state())

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        if self._stateful:
            self._request.reset_state()
        fed = {index: feeds[name] for index, name in enumerate(self._inputs)}
        # Not `infer`: on one thread, it drops what the runtime raises, and gives the
        # batch before as the answer (seen in 2026.4).
        self._request.start_async(fed)
        self._request.wait()
        # Copies: the runtime's own memory is the next batch's.
        answers = self._request.results.to_tuple()
        return dict(zip(self._outputs, answers, strict=True))


def _compiled(path: Path, request: _Request) -> tuple[Any, list[Port], list[Port]]:
    core = openvino.Core()
    try:
        model = core.read_model(path)
    except _ERRORS as error:
        raise read_error(error, path) from error
    inputs = ports(model.inputs, "input", path)
    check_shape_names(request.shapes, [port.name for port in inputs])
    if request.shapes:
        inputs = _reshaped(model, path, request.shapes, inputs)
    try:
        compiled = core.compile_model(model, request.device, request.config)
    except _ERRORS as error:
        raise compile_error(error, path, request.device) from error
    return compiled, inputs, ports(model.outputs, "output", path)


def _reshaped(
    model: Any, path: Path, shapes: Mapping[str, Shape], inputs: list[Port]
) -> list[Port]:
    wanted = {
        index: openvino.PartialShape(
            [-1 if size is None else size for size in shapes[port.name]]
        )
        for index, port in enumerate(inputs)
        if port.name in shapes
    }
    try:
        model.reshape(wanted)
    except _ERRORS as error:
        raise shapes_error(error, path, shapes) from error
    return ports(model.inputs, "input", path)


def _facts(compiled: Any, request: _Request, all_ports: list[Port]) -> Runtime:
    return {
        "backend": "openvino",
        "version": openvino.__version__,
        "device": request.device,
        **request.config,
        "precision": _precision(compiled),
        "kernels": _kernels(compiled),
        **{f"names.{port.name}": port.others for port in all_ports if port.others},
    }


def _precision(compiled: Any) -> str | None:
    """What floats are computed in: a device may take a hint for another."""
    known = compiled.get_property("SUPPORTED_PROPERTIES")
    if "INFERENCE_PRECISION_HINT" not in known:
        return None
    used: str = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return used


def _kernels(compiled: Any) -> str:
    """Number of layers a precision, as the compiled model tells it ("f32 8, i8 3")."""
    layers = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    found = Counter(
        str(info["runtimePrecision"].value)
        for info in layers
        if "runtimePrecision" in info
    )
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items()))
