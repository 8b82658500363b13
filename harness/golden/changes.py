"""How new answers differ from those that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.golden.replay import ReplaySession, open_session
from harness.golden.schema import RECORDING, Recording, read_record

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_FACTS = {
    "model_sha256": "another model",
    "data_digest": "other golden data",
    "preprocess_digest": "other preprocessing",
    "batch_size": "another batch size",
    "runtime": "another runtime",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What replacing a recording would change.

    Attributes:
        variant: Whose recording it is.
        causes: What is not what it was: the model, the data, the runtime, ...
        differences: Output -> largest absolute difference; of outputs that can be
            held against each other.
        n_differ: Output -> samples whose answers are not the same to the last bit.
        n_flipped: Samples whose top class is another, over the outputs that have
            classes along their last axis.
        remarks: What could not be compared, and why.
    """

    variant: str
    causes: tuple[str, ...] = ()
    differences: dict[str, float] = field(default_factory=dict)
    n_differ: dict[str, int] = field(default_factory=dict)
    n_flipped: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing would change that a run could see."""
        return not (self.causes or self.remarks or any(self.n_differ.values()))

    def summary(self) -> str:
        """One line: causes, then numbers."""
        numbers = [
            f"{name}: {self.n_differ[name]} samples differ, by {largest:.3g} at most"
            for name, largest in self.differences.items()
            if self.n_differ[name]
        ]
        flips = [f"{self.n_flipped} top classes flip"] if numbers else []
        told = [*self.causes, *self.remarks, *(numbers or ["same answers"]), *flips]
        return "; ".join(told)


class RecordingDiff:
    """Holds answers against a recording as they come.

    Args:
        folder: Of the old recording.
        recording: What the new one says of itself.
    """

    def __init__(self, folder: Path, recording: Recording) -> None:
        self._new = recording
        self._causes: list[str] = []
        self._remarks: list[str] = []
        self._largest: dict[str, float] = {}
        self._differ: dict[str, int] = {}
        self._flipped = 0
        self._session: ReplaySession | None = None
        self.old: Recording | None = None
        try:
            self.old = read_record(folder / RECORDING, Recording)
            self._session = open_session(folder, {})
        except GoldenError as error:
            self._remarks.append(f"the old recording cannot be read ({error.message})")
        if self.old is not None:
            self._causes = _causes(self.old, recording)

    def update(self, answers: Arrays, rows: slice) -> None:
        """Hold the answers on some samples against the old ones."""
        if self._session is None:
            return
        try:
            old = self._session.run({}, rows)
        except GoldenError as error:
            self._leave(f"the old recording cannot be compared ({error.message})")
            return
        if _shapes(old) != _shapes(answers):
            self._leave("outputs have other names or shapes")
            return
        for name, array in answers.items():
            self._take(name, old[name], array)

    def result(self) -> Change:
        """What changes."""
        if self._session is not None:
            self._session.close()
        return Change(
            variant=self._new.variant,
            causes=tuple(self._causes),
            differences=self._largest,
            n_differ=self._differ,
            n_flipped=self._flipped,
            remarks=tuple(self._remarks),
        )

    def _leave(self, remark: str) -> None:
        self._remarks.append(remark)
        self._session = None

    def _take(self, name: str, old: Array, new: Array) -> None:
        unlike = old != new
        if old.dtype.kind in "fc" and new.dtype.kind in "fc":
            # NaN in both is no change.
            unlike &= ~(np.isnan(old) & np.isnan(new))
        rows = unlike.reshape(len(new), -1).any(axis=1)
        self._differ[name] = self._differ.get(name, 0) + int(rows.sum())
        largest = _largest_gap(old, new)
        self._largest[name] = max(self._largest.get(name, 0.0), largest)
        self._flipped += _flips(old, new)


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _largest_gap(old: Array, new: Array) -> float:
    """Of numbers, NaN left out; text has none."""
    if new.dtype.kind not in "biuf" or old.dtype.kind not in "biuf":
        return 0.0
    gap = np.abs(old.astype(np.float64) - new.astype(np.float64))
    return float(np.fmax.reduce(gap, axis=None, initial=0.0))


def _flips(old: Array, new: Array) -> int:
    if new.dtype.kind not in "biuf" or new.ndim != 2 or new.shape[1] < 2:
        return 0
    return int((old.argmax(axis=1) != new.argmax(axis=1)).sum())


def _causes(old: Recording, new: Recording) -> list[str]:
    return [
        words for key, words in _FACTS.items() if getattr(old, key) != getattr(new, key)
    ]
