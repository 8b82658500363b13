"""What a probe may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from harness.core.protocols import Arrays, Rerun
    from harness.diagnose.align import Alignment
    from harness.diagnose.differences import Difference
    from harness.graphs.model import Graph


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One candidate and what speaks for the reference.

    Attributes:
        variant: Name of the candidate.
        reference: Graph that speaks for the reference; None where none is read.
        candidate: The candidate's graph; None where it is not read.
        model: The candidate's file, for edits; None where it is no ONNX.
        alignment: What stands for what; None without both graphs.
        differences: Where aligned layers part, one cause each.
        reference_outputs: Output name -> array over the evidence samples.
        candidate_outputs: Likewise, under the reference's names.
        class_names: None where the task has no classes.
        rerun: Runs an edited candidate; None where that is not possible.
        floor: Largest difference of outputs that is no drift.
    """

    variant: str
    reference: Graph | None
    candidate: Graph | None
    model: onnx.ModelProto | None
    alignment: Alignment | None
    differences: tuple[Difference, ...]
    reference_outputs: Arrays
    candidate_outputs: Arrays
    class_names: tuple[str, ...] | None
    rerun: Rerun | None
    floor: float
