"""Forms that hold weights and no graph: OneFlow snapshots, TensorRT weight dumps."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_ENGINE = b"ftrt"
_DUMP = re.compile(r"\d+\s*\n\S+ \d+( [0-9a-fA-F]{1,8})*\s*(\n|$)")
_MAX_FOLDERS = 16


def _is_oneflow(look: Look) -> bool:
    """A folder a variable, each with its numbers in `out` and its shape in `meta`."""
    if not look.is_folder:
        return False
    folders = (p for p in islice(look.path.iterdir(), _MAX_FOLDERS) if p.is_dir())
    shown = [folder for folder in folders if (folder / "meta").is_file()]
    return bool(shown) and all((folder / "out").is_file() for folder in shown)


def _is_weight_dump(look: Look) -> bool:
    return look.text is not None and _DUMP.match(look.text) is not None


def _is_engine(look: Look) -> bool:
    return look.head.startswith(_ENGINE)


FORMS = (
    Form(
        name="oneflow",
        title="a OneFlow snapshot",
        suffixes=(),
        evidence=Evidence.STRUCTURE,
        recognise=_is_oneflow,
        reason="it holds weights and no graph; name the model that they belong to",
    ),
    Form(
        name="tensorrt-weights",
        title="a TensorRT weight dump",
        suffixes=(".wts",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_weight_dump,
        reason="it holds weights and no graph; name the model that they belong to",
    ),
    Form(
        name="tensorrt-engine",
        title="a TensorRT engine",
        suffixes=(".engine", ".plan", ".trt"),
        evidence=Evidence.MAGIC,
        recognise=_is_engine,
        reason="an engine runs on the GPU that it was built for: name its ONNX model"
        " and the TensorRT provider, or a Triton server that holds it",
    ),
)
