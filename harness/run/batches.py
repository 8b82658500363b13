"""A window of samples through a session, batch by batch: the loop that is timed.

It runs where the session runs: in our own process, or in the variant's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.core.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.core.protocols import Array, Arrays

    Run: TypeAlias = Callable[[Arrays, slice], Arrays]


def answer_window(
    run: Run, feeds: Mapping[str, Array], rows: slice, step: int, *, fixed: bool
) -> dict[str, Array]:
    """Ask batch after batch, and join the answers.

    Args:
        run: `Session.run`, or what stands around it.
        feeds: Model input name -> array; axis 0 counts the samples of `rows`.
        rows: Which golden samples these are.
        step: Samples a batch.
        fixed: Whether every batch must have `step` samples; the last one is padded.

    Returns:
        Model output name -> array; axis 0 counts samples.

    Raises:
        InferenceError: The session fails, or answers with another number of samples
            than it was asked, or in another form than before.
    """
    n = rows.stop - rows.start
    if step == n or (step > n and not fixed):
        return _checked(run(feeds, rows), n)
    answers = []
    # What happens once a batch costs as much as a small model: all checks wait for
    # the end of the window.
    for start, stop in _spans(n, step):
        batch = {name: array[start:stop] for name, array in feeds.items()}
        if fixed and stop - start < step:
            batch = {name: _pad(array, step) for name, array in batch.items()}
        answers.append(run(batch, slice(rows.start + start, rows.start + stop)))
    return _joined(answers, rows, step, fixed=fixed)


def _joined(
    answers: Sequence[Arrays], rows: slice, step: int, *, fixed: bool
) -> dict[str, Array]:
    """One array an output, cut to the samples that were asked for."""
    first = _checked(answers[0], step)
    n = rows.stop - rows.start
    asked = [step] * (len(answers) - 1)
    asked.append(step if fixed else n - len(asked) * step)
    try:
        whole = {name: _column(answers, name, asked) for name in first}
    except (KeyError, ValueError):
        whole = {}
    if not whole or any(len(answer) != len(first) for answer in answers):
        odd = _first_odd(answers, asked)
        raise _ragged(answers[odd], answers[0], rows.start + odd * step)
    return {name: array[:n] for name, array in whole.items()}


def _column(answers: Sequence[Arrays], name: str, asked: list[int]) -> Array:
    """One output of all batches, joined.

    Raises:
        KeyError: A batch lacks it.
        ValueError: A batch answers in another shape or dtype.
    """
    parts = [answer[name] for answer in answers]
    whole = np.concatenate(parts)
    if list(map(len, parts)) != asked:
        raise ValueError(name)
    # numpy casts what differs in silence; the bytes tell, at little cost a batch. Text
    # is as wide as its longest word, and may be.
    if whole.dtype.kind != "U" and sum(p.nbytes for p in parts) != whole.nbytes:
        raise ValueError(name)
    return whole


def _checked(answer: Arrays, n: int) -> dict[str, Array]:
    for name, array in answer.items():
        if array.shape[:1] != (n,):
            raise InferenceError(
                f"output {name!r} has shape {array.shape} for {n} samples;"
                " its first axis does not count samples",
                hint="declare batch_axis where the samples lie, or batch_size = 1"
                " where the model answers once for all that it is fed",
            )
    return dict(answer)


def _first_odd(answers: Sequence[Arrays], asked: list[int]) -> int:
    """The first batch that answers in another form than the one before all."""
    full = _form(answers[0], asked[0])
    forms = (_form(answer, n) for answer, n in zip(answers, asked, strict=True))
    return next(index for index, form in enumerate(forms) if form != full)


def _form(answer: Arrays, asked: int) -> set[tuple[object, ...]]:
    return {
        (name, _kind(part), part.shape[1:], len(part) - asked)
        for name, part in answer.items()
    }


def _kind(part: Array) -> object:
    """Its dtype; of text, that it is text: it is as wide as its longest word."""
    return "text" if part.dtype.kind == "U" else part.dtype


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
