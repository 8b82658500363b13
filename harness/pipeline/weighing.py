"""Weights of the suite's files, each held against those of one variant.

Weights are read from the files themselves, whatever runs them, or nothing does. They
are held against the reference's where its form can be read here; else another variant
speaks for it, as in `explaining`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.core.errors import HarnessError, MissingDependencyError
from harness.pipeline.activations import Activations
from harness.pipeline.explaining import FLOAT_KINDS, agrees
from harness.pipeline.weight_files import audited
from harness.weights import (
    compare_sketches,
    describe_all,
    rank_harm,
    reader_for,
    sketches,
)
from harness.weights.audit import QUANTIZATION_READERS, read_quantization

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from harness.comparison import ComparisonResult
    from harness.core.protocols import WeightTensor
    from harness.core.results import (
        FormatHarm,
        QuantizationAudit,
        TensorStatistics,
        WeightComparison,
    )
    from harness.core.specs import Suite, VariantSpec
    from harness.weights import Sketch

RISK_FORMATS = ("float16", "int8", "int8-channel")
"""What a float model may be stored as next: tried on what others are held to."""

# So many tensors of a file keep histograms and channel ranges: those that a report
# draws. The rest keep their numbers, or a report of large models would be too long.
_DETAILED = 24


@dataclass(frozen=True, slots=True)
class Weighed:
    """Weights of one variant.

    Attributes:
        statistics: One record a tensor; empty where the form is not read.
        drift: Against the speaker's; None where there is nothing to hold against.
        reason: Why `drift` is None.
        harm: Layers that `RISK_FORMATS` would harm, where they were tried.
        audit: Of a quantized variant's scales and codes.
    """

    statistics: tuple[TensorStatistics, ...] = ()
    drift: WeightComparison | None = None
    reason: str | None = None
    harm: tuple[FormatHarm, ...] = ()
    audit: QuantizationAudit | None = None


class Standard:
    """The weights that all others are held against, fingerprinted once.

    Args:
        spec: The variant that they are of.

    Attributes:
        spec: As given.
    """

    def __init__(self, spec: VariantSpec) -> None:
        self.spec = spec

    @cached_property
    def sketches(self) -> tuple[Sketch, ...]:
        """One a tensor, read when it is first asked for.

        Raises:
            HarnessError: The file is broken.
        """
        return tuple(sketches(read(self.spec.path)))


def weighs(path: Path) -> bool:
    """Whether weights of this form are read here, with what is installed."""
    try:
        return _form(path) is not None
    except HarnessError:
        return False


def audits(path: Path) -> bool:
    """Whether scales and codes of this form are read here."""
    try:
        form = detect_form(path).name
    except HarnessError:
        return False
    return form in QUANTIZATION_READERS and weighs(path)


def holds_codes(path: Path) -> bool:
    """Whether a file of such a form has quantized values; reads what it says of them.

    A file that is broken may have some: weighing it tells what is wrong.
    """
    try:
        model = read_quantization(path, detect_form(path).name)
    except HarnessError:
        return True
    return model is not None and bool(model.values)


def may_be_standard(suite: Suite) -> tuple[VariantSpec, ...]:
    """Variants that others may be held against, the reference first."""
    others = [v for v in suite.candidates if v.kind in FLOAT_KINDS]
    listed = (suite.variant(suite.reference), *others)
    return tuple(v for v in listed if weighs(v.path))


def read(path: Path) -> tuple[WeightTensor, ...]:
    """The tensors of a model file or folder, none of them loaded yet.

    Raises:
        HarnessError: The file is broken, or its form is not known or not read.
    """
    form = _form(path)
    reader = reader_for(form) if form else None
    return tuple(reader(path)) if reader else ()


def _form(path: Path) -> str | None:
    """Name of a form whose weights are read; None for others."""
    form = detect_form(path)
    # Arrays that are replayed are answers, not weights.
    if form.backend == "replay" or reader_for(form.name) is None:
        return None
    return form.name


def standard(suite: Suite, results: Mapping[str, ComparisonResult]) -> Standard | None:
    """The reference's weights, or those of the first float variant that speaks for it.

    Files that cannot be read are passed over: weighing them tells why.
    """
    for spec in may_be_standard(suite):
        result = results.get(spec.name)
        if spec.name != suite.reference and not (result and agrees(result)):
            continue
        found = Standard(spec)
        try:
            if found.sketches is not None:
                return found
        except HarnessError:
            continue
    return None


def weigh(
    spec: VariantSpec, held_to: Standard | None, data: Activations | None = None
) -> Weighed:
    """Describe a variant's weights and hold them against the standard.

    Args:
        spec: The variant.
        held_to: What speaks for the reference's weights.
        data: What speaks for its activations, for a quantized variant.
    """
    try:
        found = _weigh(spec, held_to)
        if spec.kind != "quantized" or not found.statistics:
            return found
        return replace(found, audit=_audit(spec, held_to, data or Activations()))
    except HarnessError as error:
        needed = isinstance(error, MissingDependencyError) and error.hint
        how = f"; {error.hint}" if needed else ""
        return Weighed(reason=f"its weights cannot be read: {error.message}{how}")


def _weigh(spec: VariantSpec, held_to: Standard | None) -> Weighed:
    if spec.url:
        return Weighed(reason="an endpoint shows no weights")
    tensors = read(spec.path)
    if not tensors:
        return Weighed(reason="weights of this form are not read")
    if held_to is None:
        statistics = describe_all(tensors)
        return Weighed(statistics, None, "no variant speaks for the reference")
    if held_to.spec.name == spec.name:
        statistics = describe_all(tensors, RISK_FORMATS)
        harm = tuple(h for f in RISK_FORMATS for h in rank_harm(statistics, f))
        return Weighed(statistics, None, "its weights speak for the reference", harm)
    drift = compare_sketches(held_to.sketches, sketches(tensors), held_to.spec.name)
    return Weighed(describe_all(tensors), drift)


def _audit(
    spec: VariantSpec, held_to: Standard | None, data: Activations
) -> QuantizationAudit | None:
    reference = [sketch.tensor for sketch in held_to.sketches] if held_to else None
    form = detect_form(spec.path).name
    audit = audited(spec.path, form, reference, data.ranges)
    if audit is None:
        return None
    if audit.n_ranged:
        return replace(audit, n_samples=data.n_samples)
    return replace(audit, unranged=data.reason)


def weigh_all(
    specs: Iterable[VariantSpec],
    held_to: Standard | None,
    weigh_one: Callable[[VariantSpec, Standard | None], Weighed] = weigh,
) -> dict[str, Weighed]:
    """`weigh` of each, by name, with the pictures that a report can show.

    Args:
        specs: The variants.
        held_to: What speaks for the reference's weights.
        weigh_one: `weigh`, or what remembers it.
    """
    weighed = {spec.name: weigh_one(spec, held_to) for spec in specs}
    shown = {name: _drawn(found) for name, found in weighed.items()}
    if held_to is not None:
        partners = [
            drift.reference_name
            for name, found in weighed.items()
            for drift in (found.drift.drift if found.drift else ())
            if drift.name in shown[name]
        ]
        shown.setdefault(held_to.spec.name, set()).update(partners)
    return {
        name: replace(found, statistics=_thinned(found.statistics, shown[name]))
        for name, found in weighed.items()
    }


def _drawn(found: Weighed) -> set[str]:
    """Names of the tensors that are drawn: the worst, then the largest."""
    pairs = found.drift.drift if found.drift else ()
    changed = [drift.name for drift in pairs if drift.n_changed]
    largest = sorted(found.statistics, key=lambda tensor: -tensor.n)
    return {*[*changed, *(tensor.name for tensor in largest)][:_DETAILED]}


def _thinned(
    statistics: Iterable[TensorStatistics], shown: set[str]
) -> tuple[TensorStatistics, ...]:
    return tuple(t if t.name in shown else _plain(t) for t in statistics)


def _plain(tensor: TensorStatistics) -> TensorStatistics:
    """Its numbers without what pictures are drawn from."""
    channels = tensor.channels
    return replace(
        tensor,
        histogram=None,
        octaves=None,
        channels=channels and replace(channels, low=(), high=()),
    )
