"""What the user asked for: frozen records read from ``quality.toml``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from harness.core.results import QualityReport

Kind = Literal["original", "converted", "frozen", "optimized", "quantized"]
Task: TypeAlias = str
TASKS = (
    *("binary", "classification", "detection", "embedding", "multilabel"),
    *("regression", "segmentation", "sequence", "tensor"),
)
"""Tasks that are built in; the entry-point group `harness.tasks` adds others."""
Undecided = Literal["warn", "fail"]
Missing = Literal["skip", "fail"]
Isolation = Literal["process", "none"]
Remote = Literal["kserve", "tfserving"]
BatchAxis: TypeAlias = "int | Literal['none']"
"""Axis of a model's tensor that counts samples; none where it holds one sample."""

MIN_SLICE = 30
"""Samples of the smallest slice that is judged, unless a suite says otherwise."""

DIAGNOSIS_SECONDS = 120.0
"""How long causes are looked for in a variant, unless a suite says otherwise."""

# A crash, a hang or a leak should fail the variant that has it, not the run. Only where
# systems let memory without a name be handed over, though.
DEFAULT_ISOLATION: Isolation = "process" if os.name == "posix" else "none"
"""What suites and pairs of files have unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Declared preprocessing: transpose, flatten, scale, offset, dtype, in this order.

    Attributes:
        scale: Every element is multiplied by it.
        offset: Added after scaling.
        transpose: Axis order as for ``numpy.transpose``; axis 0 (samples) stays.
        dtype: numpy dtype name that the model is fed; None keeps the arithmetic's.
        flatten: Whether a sample's axes become one, the last one running fastest.
    """

    scale: float | None = None
    offset: float | None = None
    transpose: tuple[int, ...] | None = None
    dtype: str | None = None
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class GateSpec:
    """Limits a variant is judged by. None means: not judged by this criterion.

    Attributes:
        atol: Absolute tolerance of ``|c - r| <= atol + rtol * |r|``.
        rtol: Relative tolerance of the same rule (numpy's, asymmetric in r).
        max_mismatched: Share of elements in [0, 1] that may break that rule.
        min_top1_agreement: Least share of samples with the reference's top class.
        max_accuracy_drop: Most that accuracy may fall, in [0, 1].
        max_recall_drop: Most that a class's recall may fall, judged with confidence.
        min_weight_sqnr_db: Least signal-to-noise of a matched weight tensor, dB.
        alpha: Family-wise error rate of the per-class tests.
        false_discoveries: Share of classes and slices that fail which may fail by
            chance, on the average (Benjamini and Hochberg); None keeps any false
            failure below `alpha`.
        confidence: One-sided confidence with which accuracy and recall must be within
            their limits to pass (non-inferiority); None is content with what was
            seen.
        max_drop: Metric of the task -> most that it may get worse.
    """

    atol: float | None = None
    rtol: float | None = None
    max_mismatched: float | None = None
    min_top1_agreement: float | None = None
    max_accuracy_drop: float | None = None
    max_recall_drop: float | None = None
    min_weight_sqnr_db: float | None = None
    alpha: float = 0.01
    confidence: float | None = None
    false_discoveries: float | None = None
    max_drop: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class MatrixSpec:
    """Other ways to run a variant that must not change its answers; one at a time.

    Attributes:
        levels: Optimization levels: disable, basic, extended, layout, all.
        providers: Names of execution providers.
        threads: Numbers of threads.
        batch_sizes: Samples a call.
    """

    levels: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    batch_sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One model file of the suite.

    Attributes:
        name: Unique in the suite.
        kind: What was done to the model; picks the gate's defaults.
        path: Absolute path of the model file or folder.
        line: Line of the suite file where the variant is declared, from 1.
        backend: Name of the backend; None detects it from the file's bytes.
        options: Passed to the backend, which refuses what it does not know.
        batch_size: Samples a call; None takes the model's own, else the default.
        inputs: Golden input name -> model input name.
        outputs: Reference output name -> this variant's output name.
        preprocess: Overrides the golden data's, when declared.
        gate: Only the limits that the suite declares; the rest are defaults.
        max_drop: Metric of the task -> most that it may get worse, where declared.
        batch_axis: Of all the model's tensors, or model tensor name -> axis; None
            where nothing is declared, which is axis 0.
        isolation: Whether it runs in a process of its own. What follows holds for
            that process, and for nothing where there is none.
        interpreter: Absolute path of the Python that runs it; None is our own.
        timeout: Most seconds that a batch may take; None takes the default.
        load_timeout: Most seconds from start to loaded; None takes the default.
        memory: Most memory that it may hold, MB (10**6 bytes); None sets no limit.
        env: Environment variables, over those that are inherited.
        url: Of an endpoint that runs the model; `path` is then a name under which
            no file lies.
        matrix: Ways to run it that the suite wants compared; None compares none.
    """

    name: str
    kind: Kind
    path: Path
    line: int = 1
    backend: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    batch_size: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    preprocess: Preprocess | None = None
    gate: Mapping[str, float] = field(default_factory=dict)
    max_drop: Mapping[str, float] = field(default_factory=dict)
    batch_axis: BatchAxis | Mapping[str, BatchAxis] | None = None
    isolation: Isolation = "none"
    interpreter: Path | None = None
    timeout: float | None = None
    load_timeout: float | None = None
    memory: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    matrix: MatrixSpec | None = None

    @property
    def target(self) -> Path | str:
        """What its backend opens: the URL of an endpoint, else the path."""
        return self.url or self.path


@dataclass(frozen=True, slots=True)
class GoldenSpec:
    """Where golden data lies and how it is prepared.

    Attributes:
        data: Absolute path of golden data, a file or a folder.
        classes: Text file, one class name a line; None uses the data's own.
        recorded: Folder of recorded outputs, one sub-folder a variant.
        preprocess: Applied for every variant that does not declare its own.
        labels: ``.npy`` or ``.npz`` with the labels, where the data has none.
        metadata: Further columns that are neither fed nor truth: slices are made of
            them.
        group: Column of what makes samples depend on each other (views of one
            photo); None takes the column "group" where there is one.
        options: How this form is read (label column of a table, size of images);
            the form's reader refuses what it does not know.
        url: Where the data lie; `data` is then a name under which no file lies.
        calibration: Text or JSON file that names samples which a variant was
            calibrated with.
        hide_inputs: Whether reports keep no picture, signal or text of a sample.
    """

    data: Path
    classes: Path | None = None
    recorded: Path | None = None
    preprocess: Preprocess = field(default_factory=Preprocess)
    labels: Path | None = None
    metadata: tuple[str, ...] = ()
    group: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    url: str | None = None
    calibration: Path | None = None
    hide_inputs: bool = False


@dataclass(frozen=True, slots=True)
class SliceSpec:
    """A part of the golden data that is looked at by itself.

    Attributes:
        name: Shown in reports.
        where: Expression over metadata, ``hour < 6 and city == "Bonn"``; None where
            `by` makes the slices.
        by: Columns whose values, crossed, each make a slice.
    """

    name: str
    where: str | None = None
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """One ``quality.toml``.

    Attributes:
        path: The suite file, absolute.
        name: Shown in reports and used in file names.
        task: How outputs are scored.
        reference: Name of the variant that the others are held against.
        golden: The data.
        variants: In the order of the file, the reference among them.
        undecided: What an undecided check does to the verdict.
        task_options: For the task, which refuses what it does not know.
        slices: Parts of the data that are judged by themselves.
        min_slice: Slices of fewer samples are listed and not judged.
        tolerances: ``tolerances.lock.toml`` that `harness calibrate` wrote; None
            where there is none beside the suite.
        waivers: ``waivers.toml``; None where there is none beside the suite.
        diagnosis_seconds: After this long nothing further is looked for in a
            candidate that drifts, and what was found is told; infinite looks to the
            end.
    """

    path: Path
    name: str
    task: Task
    reference: str
    golden: GoldenSpec
    variants: tuple[VariantSpec, ...]
    undecided: Undecided = "warn"
    task_options: Mapping[str, object] = field(default_factory=dict)
    slices: tuple[SliceSpec, ...] = ()
    min_slice: int = MIN_SLICE
    tolerances: Path | None = None
    waivers: Path | None = None
    diagnosis_seconds: float = DIAGNOSIS_SECONDS

    def variant(self, name: str) -> VariantSpec:
        """The variant of that name.

        Raises:
            KeyError: No variant has that name.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)

    @property
    def candidates(self) -> tuple[VariantSpec, ...]:
        """Every variant but the reference, in the order of the file."""
        return tuple(v for v in self.variants if v.name != self.reference)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a suite is run, whatever the suite.

    Attributes:
        missing: What a variant does whose runtime is not installed and whose
            outputs are not recorded: it is skipped with its reason, or an error.
        only: Names of the candidates to run; empty runs all.
        diagnose: Whether candidates that drift are diagnosed.
        diagnosis_seconds: Overrides what the suite says; None leaves it.
        isolation: Overrides what the suite says; None leaves it. A variant with an
            interpreter of its own runs in its own process all the same.
        today: The day that waivers are held against; None is today, UTC.
        baseline: An accepted release's report; no metric may fall behind it.
        engine: Who runs the parts of a suite; a name of `harness.engines`' table.
        workers: How many workers; None has as many join as are measured to end a
            run here sooner, and leaves it to any other engine.
        cluster: Address of a cluster that is there already.
        cache: Folder in which what was found is kept for the next run; None keeps
            nothing.
        cache_bytes: Most bytes that this folder may hold; None takes the usual.
        budget_seconds: Stop once this long has passed, or every check is decided
            before; None runs on all samples.
    """

    missing: Missing = "skip"
    only: tuple[str, ...] = ()
    diagnose: bool = True
    diagnosis_seconds: float | None = None
    isolation: Isolation | None = None
    today: date | None = None
    baseline: QualityReport | None = None
    engine: str = "local"
    workers: int | None = None
    cluster: str | None = None
    cache: Path | None = None
    cache_bytes: int | None = None
    budget_seconds: float | None = None
