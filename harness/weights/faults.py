"""What is wrong with a file's weights as a whole, told from all of its pairs."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from harness.core.tensors import WeightFault
from harness.weights.gate_reading import misread_gates
from harness.weights.permutations import permutation_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.tensors import Folding
    from harness.weights.measuring import Measured
    from harness.weights.pool import Matching
    from harness.weights.sketch import Sketch

_BIASES = frozenset({"bias", "beta", "gate_bias"})
_TOLD_ELSEWHERE = frozenset({"cast.rounding", "layout.permutation"})
_WHOLE = ("gates", "permuted")
_STATE = frozenset({"running_mean", "running_variance"})
# Steps of one training leave weights that point the same way.
_SAME_TRAINING = 0.3
_MOST = 0.6
_FEW = 3
_NEARLY_ALL = 0.9
# Of fewer numbers than this, half may be equal by chance.
_MIN_SAMPLE = 64


def file_faults(
    found: Matching,
    pairs: Sequence[Measured],
    references: Sequence[Sketch],
    candidates: Sequence[Sketch],
) -> tuple[tuple[WeightFault, ...], tuple[str, ...]]:
    """Faults, and what is other but not wrong.

    Args:
        found: All matches and what is left.
        pairs: The matches, measured.
        references: All tensors of the reference.
        candidates: All of the candidate.
    """
    permuted, notes = permutation_faults(pairs)
    faults = [
        *_named(pairs),
        *_gates_of_vectors(pairs),
        *misread_gates(pairs),
        *permuted,
        *_swapped(pairs, references, candidates),
        *_epsilons(found.foldings),
        *_stated_epsilons(pairs),
        *_missing(found),
    ]
    faults += _stale(_unexplained(pairs, faults), pairs, references)
    faults += _changed(_unexplained(pairs, faults), pairs)
    return tuple(faults), (*notes, *_roundings(pairs), *_only_there(found))


def _unexplained(
    pairs: Sequence[Measured], faults: Sequence[WeightFault]
) -> list[Measured]:
    """Pairs that drifted, and that no fault names."""
    known = {name for fault in faults for name in fault.tensors}
    drifted = [p for p in pairs if p.drift.verdict == "drifted" and not p.drift.cause]
    return [p for p in drifted if p.drift.name not in known]


def _named(pairs: Sequence[Measured]) -> Iterator[WeightFault]:
    for pair in pairs:
        drift = pair.drift
        if drift.cause and drift.cause not in _TOLD_ELSEWHERE:
            text = f"{drift.name}: {drift.note}"
            yield WeightFault(drift.cause, (drift.name,), text)


def _gates_of_vectors(pairs: Sequence[Measured]) -> Iterator[WeightFault]:
    """Biases whose gates are in another order than the kernels' are."""
    gated = [p for p in pairs if p.match.how.blocks and p.match.matched_by in _WHOLE]
    kernels = [p for p in gated if len(p.match.candidate.squeezed) > 1]
    fine = {p.match.how.blocks for p in kernels if not p.drift.cause}
    for pair in gated:
        is_named = pair in kernels or pair.drift.cause
        if not is_named and pair.match.how.blocks not in fine:
            text = f"{pair.drift.name}: {pair.drift.note}, unlike the kernels"
            yield WeightFault("rnn.gate_order", (pair.drift.name,), text)


def _swapped(
    pairs: Sequence[Measured],
    references: Sequence[Sketch],
    candidates: Sequence[Sketch],
) -> Iterator[WeightFault]:
    """Equal tensors under each other's names, of all that have names in common."""
    theirs, ours = ({s.stem for s in side} for side in (references, candidates))
    for pair in pairs:
        match = pair.match
        before, after = match.reference.stem, match.candidate.stem
        crossed = before != after and before in ours and after in theirs
        if crossed and match.matched_by == "exact" and not match.reference.constant:
            name = pair.drift.name
            text = f"{name} holds the numbers of the reference's {before}"
            yield WeightFault("weights.swapped", (name,), text)


def _epsilons(foldings: Sequence[Folding]) -> Iterator[WeightFault]:
    """Norms folded with another epsilon than is stated, or than the others were."""
    usual = _usual([f for f in foldings if len(f.customary) == 1])
    for folding in foldings:
        wrong = folding.verdict == "differs"
        odd = (
            folding.declared is None
            and usual is not None
            and not folding.epsilon_low <= usual <= folding.epsilon_high
        )
        if wrong or odd:
            text = f"{folding.targets[0]}: {folding.note}"
            if not wrong:
                text += f", where the other layers have {usual:g}"
            yield WeightFault("norm.epsilon", folding.targets, text)


def _usual(decided: Sequence[Folding]) -> float | None:
    """The epsilon of most norms; None where there is no most."""
    values = [f.customary[0] for f in decided]
    best = max(sorted(set(values)), key=values.count, default=None)
    if best is None or values.count(best) * 2 <= len(values) or len(values) < _FEW:
        return None
    return best


def _stated_epsilons(pairs: Sequence[Measured]) -> Iterator[WeightFault]:
    for pair in pairs:
        before = pair.match.reference.tensor
        after = pair.match.candidate.tensor
        if before.role != "running_variance" or after.role != before.role:
            continue
        if before.epsilon is None or after.epsilon is None:
            continue
        if abs(before.epsilon - after.epsilon) > 1e-3 * before.epsilon:
            text = (
                f"{after.name}: epsilon {after.epsilon:g}, where the reference has"
                f" {before.epsilon:g}"
            )
            yield WeightFault("norm.epsilon", (after.name,), text)


def _missing(found: Matching) -> Iterator[WeightFault]:
    """Running statistics and biases that only the reference has."""
    others = {s.stem: s for s in found.unmatched_candidate}
    for sketch in found.unmatched_reference:
        tensor = sketch.tensor
        if sketch.stem in others or (tensor.role not in _STATE | _BIASES):
            continue
        cause = "weights.missing" if tensor.role in _STATE else "weights.bias_missing"
        what = tensor.role.replace("_", " ")
        text = f"{tensor.name}: the {what} of the reference is not in the candidate"
        yield WeightFault(cause, (tensor.name,), text)


def _roundings(pairs: Sequence[Measured]) -> Iterator[str]:
    """Tensors whose numbers a narrower type has been through."""
    rounded = [p.drift for p in pairs if p.drift.cause == "cast.rounding"]
    for kind in ("float16", "bfloat16"):
        names = [d.name for d in rounded if f"rounded to {kind}" in (d.note or "")]
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{names[0]}{more}: values rounded to {kind}, stored as float32"


def _only_there(found: Matching) -> Iterator[str]:
    """Tensors of one name and two sizes: a layer that was replaced."""
    ours = {s.stem: s for s in found.unmatched_candidate}
    for sketch in found.unmatched_reference:
        other = ours.get(sketch.stem)
        if other is not None and other.size != sketch.size:
            yield (
                f"{other.tensor.name} has shape {list(other.tensor.shape)}, where the"
                f" reference has {list(sketch.tensor.shape)}: another layer"
            )


def _stale(
    drifted: Sequence[Measured],
    pairs: Sequence[Measured],
    references: Sequence[Sketch],
) -> Iterator[WeightFault]:
    """Biases of another layer or another step, beside kernels that are as they were."""
    digests = {s.digest: s for s in references if not s.constant}
    unchanged = [p for p in pairs if p.drift.verdict != "drifted"]
    for pair in drifted:
        name = pair.drift.name
        source = digests.get(pair.match.candidate.digest)
        if source is not None and source is not pair.match.reference:
            text = f"{name} holds the numbers of the reference's {source.tensor.name}"
            yield WeightFault("weights.stale", (name,), text)
        elif _is_bias(pair) and len(unchanged) >= len(drifted) and unchanged:
            text = (
                f"{name}: the bias is another than the reference's while other weights"
                f" are as they were (cosine {pair.likeness:.3f}): of an older step?"
            )
            yield WeightFault("weights.stale", (name,), text)


def _is_bias(pair: Measured) -> bool:
    roles = {pair.match.reference.tensor.role, pair.match.candidate.tensor.role}
    return bool(roles & _BIASES)


def _changed(
    drifted: Sequence[Measured], pairs: Sequence[Measured]
) -> Iterator[WeightFault]:
    telling = [p for p in pairs if not p.match.reference.constant]
    everywhere = [
        p
        for p in drifted
        if p.drift.n_changed > _NEARLY_ALL * p.drift.n and not _few_levels(p)
    ]
    if len(everywhere) >= max(_FEW, _MOST * len(telling)):
        yield _other_epoch(everywhere, len(telling))
        return
    for pair in drifted:
        ratio = pair.drift.error_ratio
        size = f"{ratio:.3g} times what rounding may leave" if ratio else "not finite"
        note = f" ({pair.drift.note})" if pair.drift.note else ""
        text = f"{pair.drift.name}: largest change is {size}{note}"
        yield WeightFault("weights.changed", (pair.drift.name,), text)


def _few_levels(pair: Measured) -> bool:
    """Whether the candidate looks quantized, of few values where there were many."""
    sample = pair.match.candidate.sample
    n_levels = np.unique(sample).size
    n_before = np.unique(pair.match.reference.sample).size
    return sample.size >= _MIN_SAMPLE and 2 * n_levels <= n_before


def _other_epoch(pairs: Sequence[Measured], n_telling: int) -> WeightFault:
    middle = median(p.likeness for p in pairs)
    kind = (
        "another step of the training"
        if middle >= _SAME_TRAINING
        else ("another training")
    )
    text = (
        f"{len(pairs)} of {n_telling} tensors differ in nearly every number, median"
        f" cosine {middle:.3f}: weights of {kind} under the same names"
    )
    return WeightFault("weights.other_epoch", tuple(p.drift.name for p in pairs), text)
