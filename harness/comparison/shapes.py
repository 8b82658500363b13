"""Whether two answers to the same samples have the same shape, and what if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import ShapeMismatchError

if TYPE_CHECKING:
    from harness.core.protocols import Array


def require_same_shape(
    name: str, reference: Array, candidate_name: str, candidate: Array
) -> None:
    """Refuse arrays of different shapes.

    Nothing is squeezed or broadcast: an axis of length 1 that came or went is a
    change of the model's interface, and numpy would happily broadcast it into
    errors that nobody made.

    Raises:
        ShapeMismatchError: The shapes differ; names both outputs and both shapes.
    """
    if reference.shape == candidate.shape:
        return
    raise ShapeMismatchError(
        f"output {name!r} of the reference has shape {reference.shape}, the "
        f"candidate's {candidate_name!r} has {candidate.shape}",
        hint=_hint(reference.shape, candidate.shape),
    )


def _hint(reference: tuple[int, ...], candidate: tuple[int, ...]) -> str:
    if [n for n in reference if n != 1] == [n for n in candidate if n != 1]:
        return (
            "only axes of length 1 differ: export the candidate with the "
            "reference's shape, or end it with a Reshape or Squeeze"
        )
    if sorted(reference) == sorted(candidate):
        return (
            "the axes are the same in another order (NCHW against NHWC?): end the "
            "candidate with a Transpose"
        )
    if reference[:1] != candidate[:1]:
        return (
            "the numbers of samples differ: check that axis 0 of this output "
            "counts samples in both models"
        )
    return "check that this pair of outputs belongs together: outputs = { ... }"
