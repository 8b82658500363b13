"""What `harness calibrate` measured, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import MISSING, one_line, padded, quantity, scientific, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.tolerances import OutputTolerance, ToleranceLock

_WIDTH = 80
_COLUMNS = (22, 16, 8, 8, 8, 8)
_HEADER = ("variant", "output", "noise", "rounding", "atol", "rtol")


def render_lock(lock: ToleranceLock) -> str:
    """A line an output, then why some have no tolerance, and who beats the reference.

    Args:
        lock: What was measured.
    """
    measured = f"{lock.samples:,} of {quantity(lock.of_samples, 'golden sample')}"
    lines = [f"measured on {measured}", "", _row(_HEADER)]
    lines += [_row(_cells(entry)) for entry in lock.outputs]
    for entry in lock.outputs:
        lines += _notes(entry)
    return "\n".join(lines) + "\n"


def _cells(entry: OutputTolerance) -> tuple[str, ...]:
    noise = max(entry.candidate_noise.values(), default=None)
    return (
        entry.variant,
        entry.output,
        scientific(noise),
        scientific(entry.candidate_rounding),
        scientific(entry.atol),
        scientific(entry.rtol),
    )


def _row(cells: tuple[str, ...]) -> str:
    pairs = zip(cells, _COLUMNS, strict=True)
    return "  ".join(padded(one_line(cell), width) for cell, width in pairs).rstrip()


def _notes(entry: OutputTolerance) -> Iterator[str]:
    who = f"{entry.variant}, {entry.output}"
    if entry.atol is None:
        yield from _note(f"{who}: no tolerance: {entry.reason or MISSING}")
    if entry.closer:
        ours, theirs = entry.candidate_oracle, entry.reference_rounding
        yield from _note(
            f"{who}: no farther from the float64 oracle ({scientific(ours)}) than the"
            f" reference ({scientific(theirs)})"
        )


def _note(text: str) -> list[str]:
    return ["", *wrap(one_line(text), _WIDTH, "note: ", "  ")]
