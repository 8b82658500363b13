"""A model's own graph in float64, run by whoever can."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.backends.onnx_double import write_double
from harness.core.errors import HarnessError
from harness.pipeline.explaining import graph_is_read
from harness.pipeline.opening import open_variant

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.run import Predictor

# onnx.reference is Python and numpy: a network of this many weights takes it about a
# second a sample.
_SMALL = 5_000_000
# As deployed, but for what names providers and threads.
_BACKENDS = ("onnxruntime", "onnx-reference")


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """A float64 form of a variant, or why there is none.

    Attributes:
        predictor: Answers for it; None where there is none.
        reason: Why.
    """

    predictor: Predictor | None = None
    reason: str | None = None


def open_oracle(
    suite: Suite, spec: VariantSpec, source: GoldenSource, folder: Path
) -> Oracle:
    """The float64 form of a variant, by onnxruntime, else by onnx.reference.

    onnxruntime has no double kernels of convolutions, for one; onnx.reference has all
    standard operators, and is asked where the model is small.

    Args:
        suite: Says how golden data is prepared.
        spec: The variant.
        source: The golden data.
        folder: Where the float64 form is written; must outlive the oracle.
    """
    if not graph_is_read(spec.path):
        return Oracle(reason="only ONNX graphs can be made double")
    try:
        path = folder / f"{spec.name}.double.onnx"
        n_weights = write_double(spec.path, path)
        first = _open(suite, spec, source, path, _BACKENDS[0])
        if first.predictor is not None or n_weights > _SMALL:
            return first
        return _open(suite, spec, source, path, _BACKENDS[1])
    except HarnessError as error:
        return Oracle(reason=_without_folders(error.message, spec.path))


def _open(
    suite: Suite, spec: VariantSpec, source: GoldenSource, path: Path, backend: str
) -> Oracle:
    double = replace(
        spec,
        path=path,
        backend=backend,
        options={},
        isolation="none",
        interpreter=None,
    )
    live = replace(suite, golden=replace(suite.golden, recorded=None))
    opened = open_variant(live, double, source, "fail")
    reason = (opened.reason or "").partition("\nHint: ")[0]
    return Oracle(opened.predictor, _without_folders(reason, path) or None)


def _without_folders(reason: str, path: Path) -> str:
    """What a lock that others review can say: no folder of this machine."""
    return reason.replace(str(path), path.name)
