"""SFT002: a softmax at the output is missing, or applied twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax, softmax

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Edit, Needs, Suspect
from harness.diagnose.edits import insert_after
from harness.diagnose.grafts import bypass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case

CAUSE = Cause(
    code="SFT002",
    slug="softmax.missing",
    line="a softmax at the output is missing, or applied once more",
    hint="decide once whether the model answers logits or probabilities; PyTorch's "
    "loss takes logits, Keras' layers often end in a softmax",
    rank=10,
)
_CLOSE = 1e-4
_FUNCTIONS: dict[str, Callable[..., FloatArray]] = {
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
}


def look(case: Case) -> Iterator[Suspect]:
    """Outputs that a softmax turns into the reference's, or the reference's into."""
    for name in sorted(case.reference_outputs.keys()):
        mine = case.reference_outputs[name]
        other = case.candidate_outputs.get(name)
        if other is None or mine.shape != other.shape or mine.ndim < 2:
            continue
        if not (_is_told(mine) and _is_told(other)) or mine.shape[-1] < 2:
            continue
        for op_type, function in _FUNCTIONS.items():
            if _same(function(other.astype(np.float64), axis=-1), mine):
                yield _missing(case, name, op_type, function)
            elif _same(function(mine.astype(np.float64), axis=-1), other):
                yield _added(case, name, op_type)


def _is_told(array: FloatArray) -> bool:
    return array.dtype.kind == "f" and bool(np.isfinite(array).all())


def _same(array: FloatArray, wanted: FloatArray) -> bool:
    gap = np.abs(array - wanted).max(initial=0.0)
    return bool(gap <= _CLOSE * np.abs(wanted).max(initial=0.0))


def _missing(
    case: Case, name: str, op_type: str, function: Callable[..., FloatArray]
) -> Suspect:
    output = _output(case, name)
    node = case.candidate.producer(output) if case.candidate and output else None
    said = say(
        f"output '{name}' lacks a {op_type} that the reference ends in",
        f"ends in {op_type}",
        "does not",
    )
    edit = None
    if node is not None and output is not None:
        edit = Edit(
            f"put a {op_type} behind '{node.label}'",
            insert_after(output, op_type, axis=-1),
        )
    values = function(case.candidate_outputs[name].astype(np.float64), axis=-1)
    explained = {**case.candidate_outputs, name: values.astype(np.float32)}
    return Suspect(CAUSE, node, None, output or name, said, edit, explained=explained)


def _added(case: Case, name: str, op_type: str) -> Suspect:
    output = _output(case, name)
    node = case.candidate.producer(output) if case.candidate and output else None
    said = say(
        f"output '{name}' goes through one {op_type} more than the reference's",
        "does not",
        f"ends in one {op_type} more",
    )
    edit = None
    if node is not None and node.op_type == op_type:
        text = f"leave out '{node.label}'"
        edit = Edit(text, bypass(node.key, node.input(0)))
    explained = {**case.candidate_outputs, name: case.reference_outputs[name]}
    return Suspect(CAUSE, node, None, output or name, said, edit, explained=explained)


def _output(case: Case, name: str) -> str | None:
    if case.candidate is None:
        return None
    outputs = case.candidate.outputs
    if name in outputs:
        return name
    return outputs[0] if len(outputs) == 1 else None


PROBE = CauseProbe(CAUSE, look, Needs(scope="outside"))
