"""Where a model counts its samples: axis 0, another axis, or none.

Golden data and comparisons have samples first. A model may have them on axis 1 (a
time-major network), or take one sample as it stands, without an axis for it: then it
is asked sample by sample, and its answers are stacked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.core.errors import InferenceError, SuiteError
from harness.core.protocols import WindowSession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import Array, Arrays, Runtime, Session, TensorSpec
    from harness.core.specs import BatchAxis

    # tell: the answer does; what a model says of one sample belongs to it as a whole.
    Place = int | Literal["none", "tell"]

_DECLARE = (
    "declare batch_axis in the variant: an axis for all tensors, or a table like"
    ' { x = 0, state = 1 }; "none" where a tensor has no axis for samples'
)


@dataclass(frozen=True, slots=True)
class Axes:
    """Where a model's tensors count samples.

    Attributes:
        inputs: Model input name -> axis.
        outputs: Model output name -> axis; an output that is not named has axis 0.
        batch_size: Samples that the model must be fed, None where it is free.
    """

    inputs: Mapping[str, BatchAxis]
    outputs: Mapping[str, Place]
    batch_size: int | None

    @property
    def plain(self) -> bool:
        """Whether samples come first everywhere."""
        return not any((*self.inputs.values(), *self.outputs.values()))


def find_axes(
    session: Session,
    ranks: Mapping[str, int],
    declared: BatchAxis | Mapping[str, BatchAxis] | None = None,
    batch_size: int | None = None,
) -> Axes:
    """Where each tensor of a model counts samples.

    As declared; else an input with one axis fewer than its golden array has none, and
    any other counts samples on axis 0. A model without that axis in any input has it
    in no output either. One that is asked sample by sample may answer without it.

    Args:
        session: The loaded model.
        ranks: Model input name -> axes of the array it is fed from, samples first.
        declared: As in the suite.
        batch_size: Samples a call, where the suite declares it.

    Raises:
        SuiteError: A declared name or axis does not exist, or the inputs do not
            tell where samples are and nothing is declared.
    """
    told = _declared_axes(session, declared)
    inputs = {
        spec.name: told.get(spec.name, _likely_axis(spec, ranks.get(spec.name)))
        for spec in session.inputs
    }
    if not told:
        _check_agreement(session.inputs, inputs)
    own = _fixed_batch(session.inputs, inputs)
    alone = bool(inputs) and set(inputs.values()) == {"none"}
    single = 1 in (own, batch_size)
    outputs: dict[str, Place] = {
        spec.name: "none" if alone else _answer_axis(spec) if single else 0
        for spec in session.outputs
    }
    outputs |= {name: axis for name, axis in told.items() if name in outputs}
    if own is None and "none" in told.values():
        own = 1
    return Axes(inputs, outputs, own)


class SampleFirst:
    """A session that is fed, and answers, samples first, whatever its model does.

    See `harness.core.protocols.Session`.

    Args:
        session: The loaded model.
        axes: Where it counts samples.
    """

    def __init__(self, session: Session, axes: Axes) -> None:
        self._session = session
        self._axes = axes
        self.batch_size = axes.batch_size
        self.inputs = tuple(_moved(s, axes.inputs[s.name]) for s in session.inputs)
        self.outputs = tuple(_moved(s, axes.outputs[s.name]) for s in session.outputs)

    @property
    def runtime(self) -> Runtime:
        """The session's own, and which axes count samples."""
        places = {**self._axes.inputs, **self._axes.outputs}
        odd = {name: axis for name, axis in places.items() if axis not in (0, "tell")}
        shown = {f"batch_axis.{name}": axis for name, axis in sorted(odd.items())}
        return {**self._session.runtime, **shown}

    def run(self, feeds: Arrays, rows: slice) -> dict[str, Array]:
        """Answer one batch, samples first.

        Raises:
            InferenceError: The session fails, or an answer has no such axis.
        """
        axes = self._axes
        given = {n: _given(array, axes.inputs[n]) for n, array in feeds.items()}
        answer = self._session.run(given, rows)
        return {n: _taken(n, array, axes.outputs[n]) for n, array in answer.items()}

    def close(self) -> None:
        """Close the session."""
        self._session.close()


def sample_first(session: Session, axes: Axes) -> Session:
    """The session itself where samples come first already, else one that moves them."""
    if axes.plain and axes.batch_size == session.batch_size:
        return session
    if isinstance(session, WindowSession):
        # Batches are made in its process, and so are their axes.
        session.arrange(axes.inputs, axes.outputs, axes.batch_size)
        return session
    return SampleFirst(session, axes)


def _declared_axes(
    session: Session, declared: BatchAxis | Mapping[str, BatchAxis] | None
) -> dict[str, BatchAxis]:
    """Model tensor name -> declared axis, once it is sure that both exist."""
    specs = {spec.name: spec for spec in (*session.inputs, *session.outputs)}
    if declared is None:
        return {}
    if not session.inputs:
        raise SuiteError(
            "batch_axis is declared for recorded outputs",
            hint="leave it out: recorded outputs have their samples first",
        )
    if isinstance(declared, (int, str)):
        declared = dict.fromkeys(specs, declared)
    for name, axis in declared.items():
        if name not in specs:
            raise SuiteError(
                f"batch_axis: the model has no tensor {name!r}",
                hint=f"its tensors are {', '.join(specs)}",
            )
        shape = specs[name].shape
        if axis != "none" and shape is not None and axis >= len(shape):
            raise SuiteError(
                f"batch_axis is {axis}, but {name!r} has shape {_shown(specs[name])}",
                hint='name an axis that the tensor has, or "none"',
            )
    return dict(declared)


def _likely_axis(spec: TensorSpec, rank: int | None) -> BatchAxis:
    if rank is None or spec.shape is None:
        return 0
    return "none" if len(spec.shape) == rank - 1 else 0


def _answer_axis(spec: TensorSpec) -> Place:
    """Of an output of a model that is asked sample by sample."""
    if spec.shape is None:
        return "tell"
    counts = spec.shape and (spec.shape[0] == 1 or not isinstance(spec.shape[0], int))
    return 0 if counts else "none"


def _check_agreement(
    specs: Sequence[TensorSpec], axes: Mapping[str, BatchAxis]
) -> None:
    """Refuse inputs that axis 0 is unlikely to be the samples of."""
    counted = [spec for spec in specs if spec.shape and axes[spec.name] == 0]
    firsts = [spec.shape[0] for spec in counted if spec.shape]
    fixed = {size for size in firsts if isinstance(size, int)}
    free = len(fixed) < len(set(firsts))
    # A free axis beside a fixed 1 may as well be 1; beside another number it is likely
    # that samples lie elsewhere: (layers, batch, units).
    disagree = len(fixed) > 1 or (free and not fixed <= {1})
    if disagree or any(map(_names_another, counted)):
        shown = ", ".join(f"{spec.name!r} {_shown(spec)}" for spec in counted)
        raise SuiteError(
            f"which axis counts samples? The model's inputs do not tell: {shown}",
            hint=_DECLARE,
        )


def _names_another(spec: TensorSpec) -> bool:
    """Whether an axis other than the first is called the batch."""
    first, *rest = [
        isinstance(d, str) and "batch" in d.lower() for d in spec.shape or ()
    ]
    return any(rest) and not first


def _fixed_batch(
    specs: Sequence[TensorSpec], axes: Mapping[str, BatchAxis]
) -> int | None:
    """The number of samples that the model must be fed; None where it is free."""
    sizes = {1} if "none" in axes.values() else set()
    for spec in specs:
        axis = axes[spec.name]
        size = spec.shape[axis] if spec.shape and axis != "none" else None
        if isinstance(size, int):
            sizes.add(size)
    if len(sizes) > 1:
        shown = ", ".join(f"{spec.name!r} {_shown(spec)}" for spec in specs)
        raise SuiteError(
            f"the model's inputs take different numbers of samples: {shown}",
            hint=_DECLARE,
        )
    return next(iter(sizes), None)


def _moved(spec: TensorSpec, axis: Place) -> TensorSpec:
    """The spec with its samples first."""
    if spec.shape is None or axis == "tell":
        return spec
    if axis == "none":
        return replace(spec, shape=(1, *spec.shape))
    rest = (*spec.shape[:axis], *spec.shape[axis + 1 :])
    return replace(spec, shape=(spec.shape[axis], *rest))


def _given(array: Array, axis: BatchAxis) -> Array:
    """Samples first -> as the model takes them."""
    if axis == 0:
        return array
    return array[0, ...] if axis == "none" else _moveaxis(array, 0, axis)


def _taken(name: str, array: Array, axis: Place) -> Array:
    """As the model answers -> samples first."""
    if axis == "tell":
        axis = 0 if array.shape[:1] == (1,) else "none"
    if axis == 0:
        return array
    if axis == "none":
        return array[np.newaxis]
    if axis >= array.ndim:
        raise InferenceError(
            f"output {name!r} has shape {array.shape}, and no axis {axis} for samples",
            hint=_DECLARE,
        )
    return _moveaxis(array, axis, 0)


def _moveaxis(array: Array, source: int, target: int) -> Array:
    # Runtimes, and comparisons block by block, read memory in order.
    return np.ascontiguousarray(np.moveaxis(array, source, target))


def _shown(spec: TensorSpec) -> str:
    sizes = ("?" if size is None else str(size) for size in spec.shape or ())
    return f"({', '.join(sizes)})"
