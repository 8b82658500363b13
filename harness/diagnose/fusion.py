"""FUS001: the runtime's optimizations change what a file computes.

The same file is run without optimization and as it is deployed. Where the answers part
by more than rounding, the level from which on they do is looked for, then the
optimizers without which they do not, then the places in the graph: a value that is
marked as an output cannot be fused away, so marking it mends the place. That is why
looking at intermediates hides this fault, and here it is used to find it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.comparison import distance
from harness.core.errors import BackendError, ComparisonError
from harness.core.findings import Finding, Where
from harness.diagnose.bisect import needed
from harness.diagnose.prove import PROVEN, prove
from harness.diagnose.rewrites import (
    changed_settings,
    compare_graphs,
    listed,
    settings,
    told,
)
from harness.diagnose.run_causes import FUSION
from harness.diagnose.steadiness import (
    LEVEL,
    PLAIN,
    measured_floor,
    multiplies_codes,
    plain_floor,
    precision_of,
    read_graph,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.core.findings import Proof, Severity
    from harness.core.protocols import Arrays, OptimizedGraph, RunFile
    from harness.diagnose.rewrites import Rewrites

DISABLED = "disabled_optimizers"
LEVELS = ("basic", "extended", "layout", "all")


@dataclass(frozen=True, slots=True, eq=False)
class FusionQuestion:
    """Does the candidate's runtime compute what its file says?

    Attributes:
        variant: Name of the candidate.
        model: Its ONNX file.
        reference_outputs: Output name -> array; axis 0 counts evidence samples.
        candidate_outputs: Of the candidate as it is deployed, by the same names.
        run: Runs it with other options.
        options: Those that it is deployed with.
        optimizers: Names that `disabled_optimizers` may hold.
        optimized: Shows the graph that is run; None places nothing.
        class_names: Names of the columns of a classifier's scores.
        canaries: Names of one-operator models that this runtime optimizes wrongly;
            those are cited whose names hold an operator that is fused here.
        atol: Differences of outputs up to this are none.
    """

    variant: str
    model: Path | bytes
    reference_outputs: Arrays
    candidate_outputs: Arrays
    run: RunFile
    options: Mapping[str, object] = field(default_factory=dict)
    optimizers: Sequence[str] = ()
    optimized: OptimizedGraph | None = None
    class_names: tuple[str, ...] | None = None
    canaries: tuple[str, ...] = ()
    atol: float = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """The answer.

    Attributes:
        finding: What was found.
        options: Over the deployed ones; with them the file means what it says.
        outputs: The candidate's answers then.
    """

    finding: Finding
    options: Mapping[str, object]
    outputs: Arrays


def find_fusion(question: FusionQuestion) -> Fusion | None:
    """Hold the deployed run against one without optimization, and say what parts them.

    Returns:
        None where they agree but for rounding.

    Raises:
        ModelLoadError: The model file cannot be read.
        BackendError: The file does not run without optimization.
    """
    model = read_graph(question.model)
    precision = precision_of(model)
    plain = question.run(PLAIN)
    apart = distance(plain, question.candidate_outputs).max_abs_error
    if apart <= plain_floor(plain, precision, question.atol):
        return None
    floor = measured_floor(question.run, plain, precision, question.atol)
    if apart <= floor:
        return None
    return _Hunt(question, plain, floor, codes=multiplies_codes(model)).answer()


class _Hunt:
    """One fault, and the runs that tell its level, its optimizers and its places."""

    def __init__(
        self,
        question: FusionQuestion,
        plain: Arrays,
        floor: float,
        *,
        codes: bool,
    ) -> None:
        self._question = question
        self._plain = plain
        self._floor = floor
        self._codes = codes
        self._deployed = _as_list(question.options.get(DISABLED))

    def answer(self) -> Fusion:
        level = self._level()
        names = needed(self._question.optimizers, self._restored)
        options = {DISABLED: self._without(names)} if names else PLAIN
        outputs = self._question.run(options)
        rewrites = self._rewrites(level, names)
        places = self._places(rewrites)
        finding = Finding(
            code=FUSION.code,
            severity=self._severity(options, outputs),
            cause=FUSION.slug,
            variant=self._question.variant,
            where=_where(rewrites, places),
            explanation=self._explanation(level, names, rewrites, places),
            reference_semantics=_semantics(rewrites, places, before=True),
            candidate_semantics=_semantics(rewrites, places, before=False),
            hint=self._hint(names),
            proof=self._proof(options, outputs),
        )
        return Fusion(finding, options, outputs)

    def _level(self) -> str:
        """The first level at which the fault shows; the deployed one at the latest."""
        deployed = str(self._question.options.get(LEVEL, "all"))
        for level in LEVELS:
            if level == deployed or not self._sound({LEVEL: level}):
                return level
        return deployed

    def _restored(self, names: Sequence[str]) -> bool:
        return self._sound({DISABLED: self._without(names)})

    def _without(self, names: Sequence[str]) -> list[str]:
        return [*self._deployed, *names]

    def _sound(self, options: Mapping[str, object], taps: Sequence[str] = ()) -> bool:
        """Whether the file means what it says under these options."""
        try:
            answers = self._question.run(options, taps=taps)
            apart = distance(self._plain, answers)
        except (BackendError, ComparisonError):
            # An optimizer may be what makes a graph run at all.
            return False
        return apart.max_abs_error <= self._floor

    def _rewrites(self, level: str, names: Sequence[str] | None) -> Rewrites | None:
        optimized = self._question.optimized
        if optimized is None or not names:
            return None
        at = {LEVEL: level}
        try:
            before = optimized({**at, DISABLED: self._without(names)})
            return compare_graphs(before, optimized(at))
        except BackendError:
            # The place is told where it can be; the optimizer is named all the same.
            return None

    def _places(self, rewrites: Rewrites | None) -> tuple[str, ...]:
        """Values that must not be fused away for the answers to be right."""
        if rewrites is None:
            return ()
        return needed(rewrites.values, lambda v: self._sound({}, v)) or ()

    def _severity(self, options: Mapping[str, object], outputs: Arrays) -> Severity:
        """Integer kernels may be no nearer to the reference, and no farther."""
        beside = self._beside_reference(options, outputs)
        if beside is not None and beside.error_removed >= PROVEN:
            return "error"
        return "warning" if self._codes else "error"

    def _proof(self, options: Mapping[str, object], outputs: Arrays) -> Proof:
        """Against the reference; where other faults hide it there, against the file."""
        found = self._beside_reference(options, outputs)
        if found is not None and found.error_removed >= PROVEN:
            return found
        beside = ", held against the run without optimization"
        return self._proven(self._plain, options, outputs, beside)

    def _beside_reference(
        self, options: Mapping[str, object], outputs: Arrays
    ) -> Proof | None:
        try:
            right = self._question.reference_outputs
            return self._proven(right, options, outputs, "")
        except ComparisonError:
            # Outputs of other shapes: the runtime did not make them so.
            return None

    def _proven(
        self, right: Arrays, options: Mapping[str, object], outputs: Arrays, beside: str
    ) -> Proof:
        names = self._question.class_names
        before = distance(right, self._question.candidate_outputs, names)
        return prove(
            f"{_set(options)}{beside}", before, distance(right, outputs, names)
        )

    def _explanation(
        self,
        level: str,
        names: Sequence[str] | None,
        rewrites: Rewrites | None,
        places: Sequence[str],
    ) -> str:
        text = (
            "the file answers otherwise with onnxruntime's optimizations than without,"
            f" from level {level!r} on"
        )
        if names:
            text += f"; it is {' with '.join(names)}"
        if rewrites and places:
            text += f", which takes in {listed([rewrites.at(v)[0] for v in places])}"
            text += ". Marking that value as an output hides the fault"
        gone = {rewrites.at(v)[0].op_type for v in places} if rewrites else set()
        if canaries := self._canaries(gone):
            text += f". Canaries of `harness doctor` show it too: {canaries}"
        return text

    def _canaries(self, ops: set[str]) -> str:
        """Those that are about these operators."""
        names = self._question.canaries
        return ", ".join(name for name in names if ops & set(name.split()))

    def _hint(self, names: Sequence[str] | None) -> str:
        if not names:
            return 'run it with graph_optimization_level = "disable"'
        listed_ = ", ".join(f'"{name}"' for name in self._without(names))
        return f"run it with options = {{ disabled_optimizers = [{listed_}] }}"


def _as_list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _set(options: Mapping[str, object]) -> str:
    key, value = next(iter(options.items()))
    shown = ", ".join(value) if isinstance(value, list) else value
    return f"set {key} to {shown}"


def _where(rewrites: Rewrites | None, places: Sequence[str]) -> Where:
    if rewrites is None or not places:
        return Where()
    gone, into = rewrites.at(places[0])
    node = into or gone
    return Where(
        candidate_node=node.name or node.output[0],
        op_type=node.op_type,
        tensor=places[0],
    )


def _semantics(
    rewrites: Rewrites | None, places: Sequence[str], *, before: bool
) -> str | None:
    """What is computed at the first place, as the file says or as it is run."""
    if rewrites is None or not places:
        return None
    gone, into = rewrites.at(places[0])
    if into is None:
        return f"{told(gone)} as in the file" if before else f"no {told(gone)}"
    old = rewrites.kept.get(into.output[0])
    names = changed_settings(old, into) if old is not None else None
    if before:
        reader = told(old) if old is not None else "what follows"
        return f"{told(gone)}, then {reader}"
    return f"{told(into)} alone, with {settings(into, names) or 'the same settings'}"
