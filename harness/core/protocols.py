"""What the stages promise each other; data goes through these shapes and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    runtime_checkable,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.core.results import QualityReport
    from harness.core.vouched import Vouched

    Array: TypeAlias = NDArray[Any]
    FloatArray: TypeAlias = NDArray[np.floating[Any]]
    IntArray: TypeAlias = NDArray[np.integer[Any]]

Arrays: TypeAlias = "Mapping[str, Array]"
Runtime: TypeAlias = Mapping[str, "str | int | float | bool | None"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model, or one column of golden data.

    Attributes:
        name: Its name.
        dtype: numpy dtype name ("float32", "int8", "str"); "any" where the model
            does not tell.
        shape: The sample axis included; a str or None where it is free. None as a
            whole when even the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


class Session(Protocol):
    """A loaded model, or a recording of one, that answers batch after batch.

    Attributes:
        inputs: What it is fed; empty for a recording.
        outputs: What it answers, in the file's order.
        runtime: Backend, version, providers, threads: what a reader needs in order
            to repeat the run. JSON scalars only.
        batch_size: The number of samples it must be fed, None where it is free.
    """

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def runtime(self) -> Runtime: ...
    @property
    def batch_size(self) -> int | None: ...

    def run(self, feeds: Arrays, rows: slice) -> Arrays:
        """Answer one batch.

        Args:
            feeds: Model input name -> array; axis 0 counts samples.
            rows: Which golden samples these are. A live model ignores it; a
                recording needs nothing else.

        Returns:
            Model output name -> array that the caller owns (no view of memory
            that the next call overwrites).

        Raises:
            InferenceError: The runtime fails on this batch.
        """
        ...

    def close(self) -> None:
        """Free what the runtime holds; a second call does nothing."""
        ...


@runtime_checkable
class WindowSession(Session, Protocol):
    """A session that answers whole windows by itself, while its caller does other work.

    Windows are collected in the order in which they were begun; two at most may be
    under way at a time.
    """

    def arrange(
        self,
        inputs: Mapping[str, int | str],
        outputs: Mapping[str, int | str],
        batch_size: int | None,
    ) -> None:
        """Take and give samples first from now on, whatever the model does.

        Args:
            inputs: Model input name -> axis of its samples, or "none".
            outputs: Model output name -> likewise, or "tell".
            batch_size: Samples that the model must be fed, None where it is free.
        """
        ...

    def begin(self, feeds: Arrays, rows: slice, step: int) -> None:
        """Set out on a window; returns before it is answered.

        Args:
            feeds: Model input name -> array; axis 0 counts the samples of `rows`.
                They are copied.
            rows: Which golden samples these are.
            step: Samples a batch.

        Raises:
            InferenceError: A feed cannot be passed on.
            BackendError: The session has died.
        """
        ...

    def collect(self) -> tuple[dict[str, Array], float]:
        """Wait for the window's answers.

        Returns:
            Model output name -> array that the caller owns, axis 0 counting samples;
            and the seconds that the model took.

        Raises:
            InferenceError: The runtime fails, or answers in another form than asked.
            WorkerCrashed: The session's process died.
            WorkerTimeout: A batch took too long.
        """
        ...


Backend: TypeAlias = Callable[["Path | str", Mapping[str, object]], Session]
"""``open_session(target, options)``: raises ModelLoadError, SuiteError (options).

The target is the path of a file or folder; for endpoints, which have none, the URL.
"""


@dataclass(frozen=True, slots=True, eq=False)
class GoldenChunk:
    """Consecutive golden samples.

    Attributes:
        rows: Which samples, as a slice without step.
        inputs: Golden input name -> array; axis 0 counts samples.
        labels: Class indices, shape (n,), int64; None without labels.
        sample_ids: Shape (n,) of str; None when the data names none.
        targets: Ground truth that is no class index, by its name without the prefix
            ``target_`` ("target" itself is "target"; a 2-D 0/1 ``labels`` is
            "labels"); axis 0 counts samples.
        metadata: ``group``, ``slice_*`` (under the name behind the prefix) and what
            the suite declares as metadata; axis 0 counts samples.
    """

    rows: slice
    inputs: Arrays
    labels: IntArray | None
    sample_ids: Array | None
    targets: Arrays = field(default_factory=dict)
    metadata: Arrays = field(default_factory=dict)


class GoldenSource(Protocol):
    """Golden data, streamed.

    Attributes:
        n_samples: Samples in all.
        inputs: One spec an input array, as stored.
        class_names: None where there are none.
        has_labels: Whether chunks carry labels.
        digest: sha256 over the data, hex.
        notices: What a reader should know (keys that nothing uses, ...).
    """

    @property
    def n_samples(self) -> int: ...
    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def class_names(self) -> tuple[str, ...] | None: ...
    @property
    def has_labels(self) -> bool: ...
    @property
    def digest(self) -> str: ...
    @property
    def notices(self) -> tuple[str, ...]: ...

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Args:
            rows: Samples a chunk, at least 1.
            span: Golden samples to read, without step; None reads all. `rows` of a
                chunk still counts from the first sample of all.

        Raises:
            ChecksumError: A shard is not what the manifest recorded.
            GoldenError: A label is out of range, arrays are of unequal length.
        """
        ...

    def vouch(self, *, whole: bool = False) -> Vouched:
        """What has been made sure of so far, for processes that open the same data.

        Args:
            whole: Whether shards that have not been read yet are verified now.

        Raises:
            ChecksumError: A shard is not what the manifest recorded.
        """
        ...


B_contra = TypeVar("B_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


@runtime_checkable
class SpannedSource(Protocol):
    """Golden data of which a part can be told from others without the rest."""

    def span_digest(self, span: slice) -> str:
        """sha256 over some samples, how they are read, and their place, hex.

        Samples that are added behind them leave it as it is, where the data lie in
        shards whose digests were recorded.

        Args:
            span: Golden samples, both ends known.
        """
        ...


class StreamingMetric(Protocol[B_contra, R_co]):
    """A metric that sees each batch once, and merges with others of its kind.

    The result does not depend on how samples were split into batches, nor on the
    order of merging, but for the last bits of floating-point sums.
    """

    def update(self, batch: B_contra) -> None:
        """Take in one batch."""
        ...

    def merge(self, other: Self) -> None:
        """Take in all that another instance has seen."""
        ...

    def result(self) -> R_co:
        """The metric over all that was seen."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class StoredCodes:
    """How the integers of a quantized tensor mean floats: (code - zero_point) scale.

    Attributes:
        scale: Shape (1,), or one an index of `axis`.
        zero_point: Of the shape of `scale`.
        axis: Axis of the stored tensor that has a scale an index; None for one scale.
        low: Smallest code of the stored type.
        high: Largest code.
        codes: Reads the integers, in their stored shape.
    """

    scale: FloatArray
    zero_point: IntArray
    axis: int | None
    low: int
    high: int
    codes: Callable[[], IntArray]


@dataclass(frozen=True, slots=True, eq=False)
class WeightTensor:
    """One tensor of a model file, read when asked for.

    Attributes:
        name: The file's name of it.
        shape: As stored.
        dtype: As stored.
        role: One of `core.roles.ROLES`; "constant" when unknown.
        op_type: Operator that consumes it, in its form's own word; None when unknown.
        load: Reads it as float (dequantized), in its stored shape. Memory-mapped or
            read from the file at each call: nothing is kept between calls.
        layout: A letter an axis of `shape`: O output channels, I input channels,
            H and W (D) space, M channels a depthwise group, G gates x units. "OIHW",
            "HWIO", "OHWI", "IO". None when the form does not tell.
        node: The file's name of that operator or layer; None when unknown.
        codes: How it is quantized; None for floats.
        epsilon: What its operator, a normalisation, adds to the variance; None when
            the form does not tell.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    op_type: str | None
    load: Callable[[], FloatArray]
    layout: str | None = None
    node: str | None = None
    codes: StoredCodes | None = None
    epsilon: float | None = None


WeightReader: TypeAlias = Callable[[Path], Iterator[WeightTensor]]
"""``read_weights(path)``: raises ModelLoadError on a broken file."""


@dataclass(frozen=True, slots=True)
class RerunError:
    """How far an edited candidate is from the reference on the evidence samples.

    Attributes:
        max_abs_error: Over the worst output.
        sum_abs_error: Over all outputs.
        n_samples: Samples run.
        n_flipped: Top classes that differ; None where the task has no classes.
    """

    max_abs_error: float
    sum_abs_error: float
    n_samples: int
    n_flipped: int | None


Rerun: TypeAlias = Callable[[bytes], RerunError]
"""Runs a serialized ONNX model in the candidate's place, on the evidence samples,
with the candidate's preprocessing and name maps. Raises BackendError."""

RunGraph: TypeAlias = "Callable[[bytes, Arrays, Sequence[str]], dict[str, Array]]"
"""``run(model, feeds, fetches)``: answers a small ONNX model as its file means it, with
no optimization; used on pieces of both models. Raises BackendError."""


class RunFile(Protocol):
    """The candidate's own file, opened anew and run whole on the evidence samples."""

    def __call__(
        self,
        options: Mapping[str, object],
        batch_size: int | None = None,
        nudge: float = 0.0,
        taps: Sequence[str] = (),
    ) -> Arrays:
        """Answers under the reference's output names; axis 0 counts samples.

        Args:
            options: Backend options over those that the candidate is run with.
            batch_size: Samples a call; None takes the candidate's.
            nudge: Floats that the model is fed move by up to this share of the
                largest of their array, the same way at every call.
            taps: Inner values that are marked as outputs of the graph too, so that
                the runtime has to keep them; what they hold is not answered.

        Raises:
            BackendError: It cannot be opened so, or fails.
        """
        ...


OptimizedGraph: TypeAlias = "Callable[[Mapping[str, object]], bytes]"
"""``optimized(options)``: the candidate's graph as its runtime rewrites it, as a
serialized ONNX model whose weights may be missing. Options go over its own. Raises
BackendError."""


class Probe(Protocol):
    """One cause of drift: looks for it, and offers the edit that would remove it.

    `cause` is a `harness.diagnose.cause.Cause`, `case` a `harness.diagnose.case.Case`
    and what it yields `harness.diagnose.cause.Suspect`; core cannot name them.
    """

    @property
    def cause(self) -> Any: ...

    def run(self, case: Any) -> Iterator[Any]:
        """Suspects, silent where no number can change."""
        ...


Renderer: TypeAlias = Callable[["QualityReport"], str]
"""One file's text from the one record."""
