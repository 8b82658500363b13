"""What is asked of the diagnosis, and what it answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.findings import ErrorProfile
    from harness.core.protocols import Arrays, Rerun, RunGraph
    from harness.core.results import Finding

BUDGET = 512 << 20


@dataclass(frozen=True, slots=True)
class Budget:
    """What one diagnosis may use; its time runs from when this is made.

    Attributes:
        n_bytes: Memory for values that are looked at, beside the models.
        seconds: When they are over, nothing further is looked for, and what was found
            is told; None looks to the end. What is begun is finished.
        started: When time began, as `time.monotonic` has it.
    """

    n_bytes: int = BUDGET
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether its time is used up."""
        if self.seconds is None:
            return False
        return time.monotonic() - self.started >= self.seconds


@dataclass(frozen=True, slots=True, eq=False)
class DriftQuestion:
    """Why does this candidate part from the reference?

    Attributes:
        variant: Name of the candidate.
        reference_model: ONNX file that speaks for the reference's graph, or its bytes:
            the reference itself, a variant that agrees with it, or a translation.
        candidate_model: Likewise of the candidate; None where there is none.
        reference_outputs: Output name -> array over the evidence samples, a few
            dozen; axis 0 counts samples.
        candidate_outputs: Likewise, under the reference's names.
        class_names: Names of the columns of a classifier's scores.
        rerun: Runs an edited candidate on the same samples; None proves nothing.
        atol: Differences of outputs up to this are no drift; 1e-5 of the largest
            output is added.
        sample_shapes: Model input name -> shape of one sample, for inputs whose file
            leaves lengths free.
        reference_feeds: What the reference's model is fed for the first of the
            evidence samples, by its own input names; None looks at files alone.
        candidate_feeds: Likewise for the candidate, the same samples.
        run_graph: Runs pieces of both models; None looks at files alone.
        output_names: Reference's output name -> (name in the reference's model, name
            in the candidate's), where they differ.
        reference_nodes: Node name in the reference's model -> what its original file
            calls it, where the model is a translation.
        candidate_nodes: Likewise.
        budget: Memory for values that are looked at, and time.
    """

    variant: str
    reference_model: Path | bytes | None
    candidate_model: Path | bytes | None
    reference_outputs: Arrays
    candidate_outputs: Arrays
    class_names: tuple[str, ...] | None = None
    rerun: Rerun | None = None
    atol: float = 1e-6
    sample_shapes: Mapping[str, tuple[int, ...]] | None = None
    reference_feeds: Arrays | None = None
    candidate_feeds: Arrays | None = None
    run_graph: RunGraph | None = None
    output_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    reference_nodes: Mapping[str, str] = field(default_factory=dict)
    candidate_nodes: Mapping[str, str] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """The answer.

    Attributes:
        findings: The root cause first. Empty where outputs agree within the floor, and
            where no known cause is found.
        profile: Errors along the graph; None where nothing was run.
        unmatched: (reference, candidate): nodes that found no partner, by their names.
        notices: What a reader should know of how this was found.
        repaired: The candidate after all proven edits, as a file's bytes; None where
            nothing was proven by an edit.
    """

    findings: tuple[Finding, ...] = ()
    profile: ErrorProfile | None = None
    unmatched: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    notices: tuple[str, ...] = ()
    repaired: bytes | None = None
