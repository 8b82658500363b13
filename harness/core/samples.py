"""Golden samples small enough to be shown in a report: frozen records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preview:
    """One golden input of one sample, reduced to what an eye takes in.

    Attributes:
        input: Name of the golden input.
        shape: Of the sample, as it is stored.
        png: A picture as base64 of a PNG; None where the input is none.
        size: Width and height of the picture in pixels.
        lines: A signal, one line a channel: the extremes of even stretches of it, in
            their order; None where a value is not finite.
        text: A text, or a few numbers in words; None where the input is neither.
    """

    input: str
    shape: tuple[int, ...]
    png: str | None = None
    size: tuple[int, int] | None = None
    lines: tuple[tuple[float | None, ...], ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A golden sample that a reader may look at.

    Attributes:
        sample: Index in the golden data, from 0.
        previews: Of its first inputs.
        sample_id: The data's own name of it.
    """

    sample: int
    previews: tuple[Preview, ...]
    sample_id: str | None = None
