"""onnxruntime's exceptions, translated once into ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxruntime.capi import onnxruntime_pybind11_state as native

from harness.core.errors import InferenceError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Callable

# The runtime's own classes share no base but Exception; pybind adds the built-in
# ones that C++'s standard exceptions become.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    *sorted(
        {
            kind
            for kind in vars(native).values()
            if isinstance(kind, type) and issubclass(kind, Exception)
        },
        key=lambda kind: kind.__name__,
    ),
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    MemoryError,
)

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_OPSET = re.compile(
    r"Opset (\d+) is .*support for domain (\S+) is till opset (\d+)", re.DOTALL
)
_IR = re.compile(r"IR version: (\d+), max supported IR version: (\d+)")
_MISSING_DATA = re.compile(r'External data path does not exist: "([^"]+)"')
_SHORT_DATA = re.compile(r"External initializer: (\S+) .*out of bounds", re.DOTALL)
_NO_KERNEL = re.compile(
    r"No Op registered for (\S+)|(\S+?)\(-?\d+\) is not a registered"
)
_OLD_KERNEL = re.compile(r"Could not find an implementation for (\w+)\((\d+)\) node")
_LOCALE = re.compile(r"Failed to construct locale with name:([\w.-]+)")
_SOURCE = re.compile(r"\S*/onnxruntime/\S+\.(?:cc|h):\d+ ")
_RE_EXPORT = "export the model again for an older opset, or upgrade onnxruntime"


def load_error(error: Exception, model: str | bytes, where: str) -> ModelLoadError:
    """What the runtime said when it refused a model, in our words.

    Args:
        error: The runtime's exception.
        model: Path or bytes that were refused.
        where: What messages call the model.
    """
    text = str(error)
    for pattern, explain in _KNOWN:
        if found := pattern.search(text):
            message, hint = explain(found)
            return ModelLoadError(f"{where}: {message}", hint=hint)
    if isinstance(error, native.InvalidProtobuf) or "No graph was found" in text:
        size = len(model) if isinstance(model, bytes) else Path(model).stat().st_size
        return ModelLoadError(
            f"{where} is no whole ONNX model: its {size:,} bytes do not parse",
            hint="the file was cut short or changed; copy or export it again",
        )
    return ModelLoadError(
        f"{where}: onnxruntime refuses the model: {plain(error)}",
        hint="check the model with onnx.checker.check_model, and export it again",
    )


def run_error(error: Exception, where: str) -> InferenceError:
    """What the runtime said when it failed on a batch, in our words."""
    return InferenceError(
        f"{where}: onnxruntime fails on a batch: {plain(error)}",
        hint="feed one sample alone, and set graph_optimization_level ="
        ' "disable", to find what the model refuses',
    )


def plain(error: Exception) -> str:
    """The runtime's message as one line, without error code and source file."""
    text = " ".join(_SOURCE.sub("", _PREFIX.sub("", str(error))).split())
    return text or type(error).__name__


def _explain_opset(found: re.Match[str]) -> tuple[str, str]:
    opset, domain, limit = found.groups()
    message = f"the model asks for opset {opset} of domain {domain}, newer than the"
    return f"{message} {limit} that this onnxruntime supports", _RE_EXPORT


def _explain_ir(found: re.Match[str]) -> tuple[str, str]:
    version, limit = found.groups()
    message = f"the model is written in IR version {version}, newer than the {limit}"
    return f"{message} that this onnxruntime supports", _RE_EXPORT


def _explain_missing_data(found: re.Match[str]) -> tuple[str, str]:
    message = f"its external data file {found.group(1)} does not exist"
    return message, "copy the data file beside the model, under the name it had"


def _explain_short_data(found: re.Match[str]) -> tuple[str, str]:
    message = f"the external data file of initializer {found.group(1)!r} is too short"
    return message, "the data file was cut short; copy it again"


def _explain_no_kernel(found: re.Match[str]) -> tuple[str, str]:
    operator = found.group(1) or found.group(2)
    message = f"onnxruntime knows no operator {operator} of the opset it is used in"
    return message, "export with standard operators of a supported opset"


def _explain_old_kernel(found: re.Match[str]) -> tuple[str, str]:
    operator, version = found.groups()
    message = f"this onnxruntime has no kernel for {operator} as of opset {version}"
    return message, (
        "convert the model with onnx.version_converter, or export it for a newer opset"
    )


def _explain_locale(found: re.Match[str]) -> tuple[str, str]:
    message = f"the model asks for the locale {found.group(1)}, not installed here"
    return message, f"install it, on Debian with locale-gen {found.group(1)}"


_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Any]], ...] = (
    (_OPSET, _explain_opset),
    (_IR, _explain_ir),
    (_MISSING_DATA, _explain_missing_data),
    (_SHORT_DATA, _explain_short_data),
    (_NO_KERNEL, _explain_no_kernel),
    (_OLD_KERNEL, _explain_old_kernel),
    (_LOCALE, _explain_locale),
)
