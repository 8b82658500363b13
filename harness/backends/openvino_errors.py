"""OpenVINO's refusals, in our words: its exceptions are all of Python's own classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Where in the runtime's source a check failed: of no use to whoever holds the model.
_SOURCE = re.compile(
    r"^(Exception from \S+|Check '.*' failed at \S+|FrontEnd API failed with \w+):?$"
)
_NO_WEIGHTS = "bin file cannot be found"
_SHORT_WEIGHTS = "Incorrect weights in bin file"
_CUT_XML = re.compile(r"at offset (\d+)")
_WRONG_PROPERTY = re.compile("Unsupported property|Wrong value .* for property key")
_UNREADABLE = "Unable to read the model"


def read_error(error: Exception, path: Path) -> ModelLoadError:
    """What the runtime said when it could not read a model, in our words."""
    text, weights = str(error), path.with_suffix(".bin")
    if _NO_WEIGHTS in text:
        return ModelLoadError(
            f"{path}: its weights file {weights} does not exist",
            hint="copy the .bin beside the .xml, under the same name",
        )
    if _SHORT_WEIGHTS in text:
        return ModelLoadError(
            f"{path}: its weights file {weights} has {weights.stat().st_size:,} bytes,"
            " fewer than the model asks for",
            hint="the .bin was cut short or is another model's; copy the pair again",
        )
    if path.suffix.lower() == ".xml" and (found := _CUT_XML.search(text)):
        return ModelLoadError(
            f"{path} is no whole XML document: it breaks off near byte {found[1]}",
            hint="the file was cut short or changed; copy or convert it again",
        )
    if _UNREADABLE in text:
        return ModelLoadError(
            f"{path} is of no form that openvino reads",
            hint="openvino runs IR (.xml), ONNX, TFLite, frozen .pb and SavedModel;"
            " leave backend out to have it detected",
        )
    return ModelLoadError(
        f"{path}: openvino refuses the model: {plain(error)}",
        hint="the file may be cut short or of a newer version; convert it again",
    )


def shapes_error(
    error: Exception, path: Path, shapes: Mapping[str, object]
) -> SuiteError:
    """What the runtime said when a model could not take other shapes, in our words."""
    return SuiteError(
        f"{path} does not take option shapes = {dict(shapes)}: {plain(error)}",
        hint="leave shapes out, or convert the model again with the shape you need",
    )


def compile_error(
    error: Exception, path: Path, device: str
) -> ModelLoadError | SuiteError:
    """What the runtime said when it could not compile a model, in our words."""
    if _WRONG_PROPERTY.search(str(error)):
        return SuiteError(
            f"option config does not suit device {device}: {plain(error)}",
            hint="properties and values are in OpenVINO's documentation of the device",
        )
    return ModelLoadError(
        f"{path}: openvino cannot compile the model for {device}: {plain(error)}",
        hint="is the device there? else the model has an operator that this openvino"
        " does not run",
    )


def plain(error: Exception) -> str:
    """The runtime's message as one line, without places in its source."""
    lines = [line for line in str(error).splitlines() if not _SOURCE.match(line)]
    return " ".join(" ".join(lines).split()) or type(error).__name__
