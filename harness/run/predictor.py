"""A session with its preprocessing, name map and batch size: window in, answers out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.core.protocols import Array, Arrays, Session


class Predictor:
    """Runs one variant over windows of golden samples, batch by batch.

    Args:
        name: Of the variant, for messages.
        session: The loaded model or recording; closed by `close`.
        bound: Golden input name -> model input name.
        prepare: Brings a golden array to what the model is fed.
        batch_size: Samples a call; the session's own, where it has one, wins.

    Attributes:
        fed: Whether the session is fed; a recording is not.
        seconds: Time spent in the session so far.
        n_samples: Samples answered so far.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        bound: Mapping[str, str],
        prepare: Callable[[Array], Array],
        batch_size: int,
    ) -> None:
        self.name = name
        self.session = session
        self.batch_size = session.batch_size or batch_size
        self.fed = bool(session.inputs)
        self.seconds = 0.0
        self.n_samples = 0
        self._bound = tuple(bound.items())
        self._prepare = prepare

    def predict(self, inputs: Arrays, rows: slice) -> dict[str, Array]:
        """Answers for golden samples `rows`.

        Args:
            inputs: Golden input name -> array; axis 0 counts the samples of `rows`.
            rows: Which golden samples these are.

        Returns:
            Model output name -> array; axis 0 counts samples.

        Raises:
            InferenceError: The session fails, or answers with another number of
                samples than it was asked.
        """
        feeds = {target: self._prepare(inputs[name]) for name, target in self._bound}
        n = rows.stop - rows.start
        started = perf_counter()
        # A recording is not fed, so nothing is gained by asking it in small batches.
        step = self.batch_size if self.fed else n
        if step >= n and self.session.batch_size in (None, n):
            answers = self._checked(self.session.run(feeds, rows), n)
        else:
            answers = self._run_batches(feeds, rows, step)
        self.seconds += perf_counter() - started
        self.n_samples += n
        return answers

    def close(self) -> None:
        """Free the session."""
        self.session.close()

    def _run_batches(
        self, feeds: Mapping[str, Array], rows: slice, step: int
    ) -> dict[str, Array]:
        """Ask batch after batch, and join the answers.

        What happens once a batch costs as much as a small model: all checks wait for
        the end of the window.
        """
        n = rows.stop - rows.start
        run = self.session.run
        padded = self.session.batch_size is not None
        answers = []
        for start, stop in _spans(n, step):
            batch = {name: array[start:stop] for name, array in feeds.items()}
            if padded and stop - start < step:
                batch = {name: _pad(array, step) for name, array in batch.items()}
            answers.append(run(batch, slice(rows.start + start, rows.start + stop)))
        return self._joined(answers, rows, step)

    def _joined(
        self, answers: Sequence[Arrays], rows: slice, step: int
    ) -> dict[str, Array]:
        """One array an output, cut to the samples that were asked for."""
        first = self._checked(answers[0], step)
        n = rows.stop - rows.start
        last = n - (len(answers) - 1) * step
        asked = [step] * (len(answers) - 1)
        asked.append(step if self.session.batch_size else last)
        try:
            whole = {name: _column(answers, name, asked) for name in first}
        except (KeyError, ValueError):
            whole = {}
        if not whole or any(len(answer) != len(first) for answer in answers):
            odd = _first_odd(answers, asked)
            raise _ragged(answers[odd], answers[0], rows.start + odd * step)
        return {name: array[:n] for name, array in whole.items()}

    def _checked(self, answer: Arrays, n: int) -> dict[str, Array]:
        for name, array in answer.items():
            if array.shape[:1] != (n,):
                raise InferenceError(
                    f"output {name!r} has shape {array.shape} for {n} samples;"
                    " its first axis does not count samples",
                    hint="export the model with the sample axis first in every output",
                )
        return dict(answer)


def _column(answers: Sequence[Arrays], name: str, asked: list[int]) -> Array:
    """One output of all batches, joined.

    Raises:
        KeyError: A batch lacks it.
        ValueError: A batch answers in another shape or dtype.
    """
    parts = [answer[name] for answer in answers]
    whole = np.concatenate(parts)
    # numpy casts what differs in silence; the bytes tell, at little cost a batch.
    if list(map(len, parts)) != asked or sum(p.nbytes for p in parts) != whole.nbytes:
        raise ValueError(name)
    return whole


def _first_odd(answers: Sequence[Arrays], asked: list[int]) -> int:
    """The first batch that answers in another form than the one before all."""
    full = _form(answers[0], asked[0])
    forms = (_form(answer, n) for answer, n in zip(answers, asked, strict=True))
    return next(index for index, form in enumerate(forms) if form != full)


def _form(answer: Arrays, asked: int) -> set[tuple[object, ...]]:
    return {
        (name, part.dtype, part.shape[1:], len(part) - asked)
        for name, part in answer.items()
    }


def _ragged(answer: Arrays, before: Arrays, sample: int) -> InferenceError:
    return InferenceError(
        f"outputs change their form at sample {sample}: {_shown(answer)} after"
        f" {_shown(before)}, the first axis aside",
        hint="set batch_size so that every batch answers in the same form",
    )


def _shown(answer: Arrays) -> str:
    return ", ".join(
        f"{name} {part.dtype}{list(part.shape[1:])}" for name, part in answer.items()
    )


def _spans(n: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, n)) for start in range(0, n, step))


def _pad(array: Array, rows: int) -> Array:
    """Repeat the last sample: a model with a fixed batch takes no fewer."""
    return np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])
