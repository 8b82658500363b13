"""A model of arithmetic and golden data in memory, for the runner alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from harness.core.protocols import Arrays, GoldenChunk, TensorSpec
from harness.run import Predictor

Answer = Callable[[np.ndarray], np.ndarray]


@dataclass
class FakeSession:
    """Answers a function of input ``x``; keeps the batches that it was fed."""

    answer: Answer = np.negative
    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "float32", (None, 2)),)
    outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "float32", (None, 2)),)
    runtime: Mapping[str, str] = field(default_factory=dict)
    batch_size: int | None = None
    batches: list[np.ndarray] = field(default_factory=list)
    rows: list[slice] = field(default_factory=list)
    closed: int = 0

    def run(self, feeds: Arrays, rows: slice) -> Arrays:
        self.batches.append(feeds["x"].copy())
        self.rows.append(rows)
        return {"y": self.answer(feeds["x"])}

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakeRecording:
    """Answers by row numbers alone."""

    recorded: np.ndarray
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "float32", (None, 2)),)
    runtime: Mapping[str, str] = field(default_factory=dict)
    batch_size: int | None = None
    rows: list[slice] = field(default_factory=list)

    def run(self, feeds: Arrays, rows: slice) -> Arrays:
        assert not feeds
        self.rows.append(rows)
        return {"y": self.recorded[rows]}

    def close(self) -> None:
        """Nothing to free."""


@dataclass
class FakeSource:
    """Golden data in memory."""

    x: np.ndarray
    class_names: tuple[str, ...] | None = None
    has_labels: bool = False
    digest: str = ""
    notices: tuple[str, ...] = ()
    asked: list[int] = field(default_factory=list)

    @property
    def n_samples(self) -> int:
        return len(self.x)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("x", str(self.x.dtype), (None, *self.x.shape[1:])),)

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        self.asked.append(rows)
        first, last, _ = (span or slice(None)).indices(len(self.x))
        for start in range(first, last, rows):
            stop = min(start + rows, last)
            part = self.x[start:stop]
            yield GoldenChunk(slice(start, stop), {"x": part}, None, None)


def samples(n: int) -> np.ndarray:
    return np.arange(2 * n, dtype=np.float32).reshape(n, 2)


def predictor(session: object, batch_size: int = 4) -> Predictor:
    bound = {"x": "x"} if session.inputs else {}
    return Predictor("model", session, bound, np.asarray, batch_size)


@pytest.fixture(scope="session")
def fakes() -> SimpleNamespace:
    """The fakes above; session-wide, since hypothesis runs a test many times."""
    return SimpleNamespace(
        Session=FakeSession,
        Recording=FakeRecording,
        Source=FakeSource,
        samples=samples,
        predictor=predictor,
    )
