"""Causes of drift: where, what, and the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a finding, in the files' own names."""

    candidate_node: str | None = None
    reference_node: str | None = None
    op_type: str | None = None
    tensor: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A counterfactual: the candidate edited, and run again on golden samples.

    Attributes:
        edit: What was set, e.g. ``pads = [0, 0, 1, 1]``.
        error_before: max |c - r| of the worst output on those samples.
        error_after: The same after the edit.
        error_removed: 1 - sum |c' - r| / sum |c - r|.
        n_samples: Samples that were run.
        n_flipped_before: Top classes that differ from the reference's.
        n_flipped_after: The same after the edit.
    """

    edit: str
    error_before: float
    error_after: float
    error_removed: float
    n_samples: int
    n_flipped_before: int | None = None
    n_flipped_after: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause of drift, named and, where ``proof`` is there, proven.

    Attributes:
        code: Stable short code, e.g. ``PAD001``.
        severity: How much it matters.
        cause: Slug, e.g. ``padding.same_split``.
        variant: The candidate it was found in.
        where: Node and tensor.
        explanation: What differs, with both values.
        reference_semantics: What the reference does there, in words.
        candidate_semantics: What the candidate does there.
        hint: How to mend it at the source.
        proof: None when no edit was tried.
    """

    code: str
    severity: Severity
    cause: str
    variant: str
    where: Where
    explanation: str
    reference_semantics: str | None = None
    candidate_semantics: str | None = None
    hint: str | None = None
    proof: Proof | None = None
