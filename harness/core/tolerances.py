"""What `harness calibrate` measured, and the tolerances derived from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OutputTolerance:
    """One output of one candidate. All distances are the largest of any element.

    Attributes:
        variant: Name of the candidate.
        output: The reference's name of the output.
        model_sha256: Of the candidate's model.
        reference_sha256: Of the reference's.
        preprocess_sha256: Of the candidate's declared preprocessing.
        scale: Largest magnitude that the reference answered.
        atol: Derived absolute tolerance; None where none could be derived, or the
            candidate's kind is held to decisions.
        rtol: Derived relative tolerance; likewise.
        reason: Why there is none.
        reference_noise: Condition ("2 threads", "batch of 1") -> how far the
            reference then moved from its own answers.
        candidate_noise: The same of the candidate.
        reference_rounding: From the reference to the float64 oracle.
        candidate_rounding: From the candidate to its own graph in float64.
        candidate_oracle: From the candidate to the reference's float64 oracle.
        unmeasured: What could not be measured -> why.
    """

    variant: str
    output: str
    model_sha256: str
    reference_sha256: str
    preprocess_sha256: str
    scale: float
    atol: float | None = None
    rtol: float | None = None
    reason: str | None = None
    reference_noise: Mapping[str, float] = field(default_factory=dict)
    candidate_noise: Mapping[str, float] = field(default_factory=dict)
    reference_rounding: float | None = None
    candidate_rounding: float | None = None
    candidate_oracle: float | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    @property
    def closer(self) -> bool:
        """Whether the candidate lies no farther from the oracle than the reference."""
        ours, theirs = self.candidate_oracle, self.reference_rounding
        if ours is None or theirs is None:
            return False
        return math.isfinite(ours) and ours <= theirs


@dataclass(frozen=True, slots=True)
class ToleranceLock:
    """One ``tolerances.lock.toml``.

    Attributes:
        data_sha256: Digest of the golden data.
        preprocess_sha256: Of the preprocessing that the suite declares.
        samples: Golden samples that were measured on, the first ones.
        of_samples: Samples of the golden data.
        factor: Tolerances are the measured floor times this.
        day: Of the measurement, ISO 8601.
        machine: Processor's architecture.
        cpu_flags: CPU features that change numbers.
        packages: Versions of the runtimes.
        outputs: In the order of the suite.
    """

    data_sha256: str
    preprocess_sha256: str
    samples: int
    of_samples: int
    factor: float
    day: str
    machine: str = ""
    cpu_flags: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[OutputTolerance, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a lock says of one candidate.

    Attributes:
        outputs: The reference's name of the output -> its entry; empty where the
            lock says nothing, or is stale.
        whole: Whether all golden samples were measured.
        stale: Why the lock does not hold for this candidate; None where it does, or
            says nothing of it.
    """

    outputs: Mapping[str, OutputTolerance] = field(default_factory=dict)
    whole: bool = False
    stale: str | None = None
