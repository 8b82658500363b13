"""Testing aids for those who add a backend or test a suite of their own.

A backend is tested by a class of a few lines::

    class TestOnnx(LiveBackendContract):
        backend = "onnxruntime"

        @pytest.fixture
        def model(self):
            return MODELS / "digits.onnx"

        @pytest.fixture
        def feeds(self):
            return {"image": images[:8]}

What it must hold is in `BackendContract`, for recordings too, and in
`LiveBackendContract`, for what is fed.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from harness.backends.detect import detect
from harness.backends.feeds import dtype_name
from harness.backends.table import BACKENDS
from harness.core.errors import (
    BackendError,
    GoldenError,
    HarnessError,
    InferenceError,
    SuiteError,
)
from harness.core.specs import GoldenSpec
from harness.golden.write import write_manifest_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Session

__all__ = ["BackendContract", "LiveBackendContract", "answers", "make_golden"]


def make_golden(
    folder: Path,
    *,
    n_samples: int = 24,
    shape: tuple[int, ...] = (4,),
    n_classes: int = 3,
    rows_per_shard: int = 10,
) -> GoldenSpec:
    """Write a small golden set: the same bytes for the same arguments.

    Args:
        folder: Manifest folder to write.
        n_samples: Samples.
        shape: Of one sample of the input ``x``, float32, normally distributed.
        n_classes: Classes; labels go round them, so each has its samples.
        rows_per_shard: Samples a shard; the default makes several, the last shorter.

    Returns:
        A spec that `harness.golden.source.open_golden` takes.
    """
    generator = np.random.default_rng(0)
    arrays: dict[str, Array] = {
        "x": generator.normal(size=(n_samples, *shape)).astype(np.float32),
        "label": np.arange(n_samples) % n_classes,
        "sample_id": np.array([f"sample-{i}" for i in range(n_samples)]),
    }
    names = tuple(f"class-{i}" for i in range(n_classes))
    write_manifest_folder(
        folder,
        arrays,
        name="small",
        rows_per_shard=rows_per_shard,
        facts={"class_names": names},
    )
    return GoldenSpec(folder)


def answers(session: Session, feeds: Arrays, batch_size: int) -> dict[str, Array]:
    """All of a session's answers on `feeds`, run in batches from row 0."""
    count = len(next(iter(feeds.values())))
    parts = []
    for start in range(0, count, batch_size):
        rows = slice(start, min(start + batch_size, count))
        parts.append(session.run({n: a[rows] for n, a in feeds.items()}, rows))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class BackendContract:
    """What every backend holds; a subclass names it, a model and what it is fed.

    Attributes:
        backend: Its name in the table.
        options: It is opened with.
        rtol: Of one row alone against the batch.
        atol: Likewise. 0 for both where batches must not change an answer at all.
    """

    backend: ClassVar[str]
    options: ClassVar[Mapping[str, object]] = {}
    rtol: ClassVar[float] = 1e-5
    atol: ClassVar[float] = 1e-6

    @pytest.fixture
    def model(self) -> Path:
        """A file or folder that the backend opens."""
        raise NotImplementedError("the subclass names a model")

    @pytest.fixture
    def feeds(self) -> dict[str, Array]:
        """At least two samples that differ; a recording is asked for as many."""
        raise NotImplementedError("the subclass names feeds")

    @pytest.fixture
    def session(self, model: Path) -> Iterator[Session]:
        """The model, open."""
        session = self.open(model)
        yield session
        session.close()

    def open(self, model: Path, **more: object) -> Session:
        """Open a model with the contract's options and some more."""
        return BACKENDS.get(self.backend)(model, {**self.options, **more})

    def test_form_is_detected(self, model: Path) -> None:
        """Its file is told apart by its bytes."""
        assert detect(model) == self.backend

    def test_answers_are_as_told(
        self, session: Session, feeds: dict[str, Array]
    ) -> None:
        """Names, dtypes and shapes of the answers are those of `outputs`."""
        found = self._run(session, feeds)
        assert list(found) == [spec.name for spec in session.outputs]
        for spec in session.outputs:
            answer = found[spec.name]
            assert dtype_name(answer) == spec.dtype
            assert spec.shape is not None
            assert len(spec.shape) == answer.ndim
            sizes = zip(spec.shape[1:], answer.shape[1:], strict=True)
            assert all(e == g for e, g in sizes if isinstance(e, int))
            assert len(answer) == _count(feeds)

    def test_answers_tell_samples_apart(
        self, session: Session, feeds: dict[str, Array]
    ) -> None:
        """The samples of the contract are not all answered alike."""
        found = self._run(session, feeds)
        assert any(np.any(answer != answer[:1]) for answer in found.values())

    def test_caller_owns_the_answers(
        self, session: Session, feeds: dict[str, Array]
    ) -> None:
        """A second run neither changes the first's answers, nor sees what became."""
        rows = slice(0, session.batch_size or _count(feeds))
        batch = {name: array[rows] for name, array in feeds.items()}
        first = session.run(batch, rows)
        kept = {name: answer.copy() for name, answer in first.items()}
        for answer in first.values():
            answer[...] = np.zeros((), answer.dtype)
        second = session.run(batch, rows)
        for name, answer in second.items():
            np.testing.assert_array_equal(answer, kept[name])
            assert not np.shares_memory(answer, first[name])
            np.testing.assert_array_equal(first[name], np.zeros_like(first[name]))

    def test_same_answer_twice(
        self, model: Path, session: Session, feeds: dict[str, Array]
    ) -> None:
        """A model that is opened again answers with the same bits."""
        again = self.open(model)
        one, other = self._run(session, feeds), self._run(again, feeds)
        again.close()
        for name, answer in one.items():
            np.testing.assert_array_equal(answer, other[name])

    def test_row_alone_equals_the_batch(
        self, session: Session, feeds: dict[str, Array]
    ) -> None:
        """The batch that a sample comes in does not change its answer."""
        whole, alone = self._run(session, feeds), answers(session, feeds, 1)
        for name, answer in whole.items():
            if answer.dtype.kind == "U":
                np.testing.assert_array_equal(alone[name], answer)
                continue
            np.testing.assert_allclose(
                alone[name], answer, rtol=self.rtol, atol=self.atol
            )

    def test_runtime_is_told(self, session: Session) -> None:
        """`runtime` names backend and version, and goes into JSON."""
        assert session.runtime["backend"] == self.backend
        assert session.runtime["version"]
        assert json.loads(json.dumps(dict(session.runtime))) == session.runtime

    def test_close_twice(self, model: Path) -> None:
        """Closing is idempotent."""
        session = self.open(model)
        session.close()
        session.close()

    def test_unknown_option(self, model: Path) -> None:
        """An option that nobody knows is the suite's error, by name."""
        with pytest.raises(SuiteError, match="no_such_option") as caught:
            self.open(model, no_such_option=1)
        assert caught.value.hint

    def test_missing_file(self, tmp_path: Path) -> None:
        """A path that does not exist is named."""
        with pytest.raises((BackendError, GoldenError), match="nowhere") as caught:
            self.open(tmp_path / "nowhere")
        assert caught.value.hint

    def test_truncated_file(
        self, model: Path, feeds: dict[str, Array], tmp_path: Path
    ) -> None:
        """A model cut short gives a clear error, not another answer."""
        copy = _truncated(model, tmp_path)
        with pytest.raises((BackendError, GoldenError), match=copy.name) as caught:
            self._run(self.open(copy), feeds)
        assert caught.value.hint

    def _run(self, session: Session, feeds: dict[str, Array]) -> dict[str, Array]:
        return answers(session, feeds, session.batch_size or _count(feeds))


class LiveBackendContract(BackendContract):
    """What a backend that runs models holds besides: bad feeds are told clearly."""

    def test_inputs_are_told(self, session: Session, feeds: dict[str, Array]) -> None:
        """`inputs` names what it is fed, with dtypes and ranks."""
        assert {spec.name for spec in session.inputs} == set(feeds)
        for spec in session.inputs:
            assert spec.dtype == dtype_name(feeds[spec.name])
            assert spec.shape is not None
            assert len(spec.shape) == feeds[spec.name].ndim

    def test_unknown_input(self, session: Session, feeds: dict[str, Array]) -> None:
        """A feed under a name that the model does not have."""
        stray = {**feeds, "stray": next(iter(feeds.values()))}
        self._refuses(session, stray, "stray")

    def test_missing_input(self, session: Session, feeds: dict[str, Array]) -> None:
        """An input that is not fed."""
        name = session.inputs[0].name
        rest = {key: array for key, array in feeds.items() if key != name}
        self._refuses(session, rest, name)

    def test_wrong_dtype(self, session: Session, feeds: dict[str, Array]) -> None:
        """Complex numbers, which no model takes."""
        name = session.inputs[0].name
        wrong = {**feeds, name: np.zeros(feeds[name].shape, np.complex128)}
        self._refuses(session, wrong, f"{name}.*complex128")

    def test_wrong_rank(self, session: Session, feeds: dict[str, Array]) -> None:
        """One axis too many."""
        name = session.inputs[0].name
        self._refuses(session, {**feeds, name: feeds[name][..., None]}, f"{name}.*rank")

    def test_wrong_shape(self, session: Session, feeds: dict[str, Array]) -> None:
        """A fixed axis twice as long."""
        spec = session.inputs[0]
        assert spec.shape is not None
        axis = next(i for i, n in enumerate(spec.shape) if i and isinstance(n, int))
        wrong = np.repeat(feeds[spec.name], 2, axis=axis)
        self._refuses(session, {**feeds, spec.name: wrong}, f"{spec.name}.*shape")

    def test_no_array(self, session: Session, feeds: dict[str, Array]) -> None:
        """A list where an array belongs."""
        name = session.inputs[0].name
        wrong: dict[str, Any] = {**feeds, name: feeds[name].tolist()}
        self._refuses(session, wrong, f"{name}.*list")

    def test_answers_after_a_refusal(
        self, session: Session, feeds: dict[str, Array]
    ) -> None:
        """A refused batch leaves the session as it was."""
        before = self._run(session, feeds)
        self._refuses(session, {}, session.inputs[0].name)
        for name, answer in self._run(session, feeds).items():
            np.testing.assert_array_equal(answer, before[name])

    def test_closed(self, model: Path, feeds: dict[str, Array]) -> None:
        """A closed session says so."""
        session = self.open(model)
        session.close()
        with pytest.raises(InferenceError, match="closed"):
            self._run(session, feeds)

    def _refuses(self, session: Session, feeds: Mapping[str, Any], match: str) -> None:
        with pytest.raises(InferenceError, match=match) as caught:
            session.run(feeds, slice(0, 1))
        assert isinstance(caught.value, HarnessError)
        assert caught.value.hint


def _count(feeds: Arrays) -> int:
    return len(next(iter(feeds.values())))


def _truncated(model: Path, folder: Path) -> Path:
    """A copy whose largest file has lost its second half."""
    copy = folder / "cut" / model.name
    copy.parent.mkdir()
    if model.is_dir():
        shutil.copytree(model, copy)
    else:
        shutil.copy(model, copy)
    files = [file for file in sorted(copy.rglob("*")) if file.is_file()] or [copy]
    largest = max(files, key=lambda file: file.stat().st_size)
    data = largest.read_bytes()
    largest.write_bytes(data[: len(data) // 2])
    return copy
