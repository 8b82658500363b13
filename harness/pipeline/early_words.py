"""What a report says of a run that had a time budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.core.results import EarlyAnswer, VariantResult
    from harness.core.waivers import WaiverUse


def early_notices(
    early: EarlyAnswer | None, variants: Iterable[VariantResult]
) -> Iterator[str]:
    """How far the run went and why it stopped, a line; none without a budget."""
    if early is None:
        return
    looks = "1 look" if early.looks == 1 else f"{early.looks} looks"
    if early.reason == "all":
        yield (
            f"No early answer: all {early.n_samples:,} golden samples were run,"
            f" in {looks}."
        )
        return
    seen = f"{early.n_used:,} of {early.n_samples:,} golden samples"
    if early.reason == "decided":
        yield (
            f"Early answer: after {seen} every check of them was decided, in {looks}."
            " All numbers are of these samples."
        )
        return
    names = [
        f"{variant.name}::{check.name}"
        for variant in variants
        for check in variant.checks
        if check.status == "undecided"
    ]
    left = ", ".join(names) or "none"
    yield (
        f"The time was up after {seen}, in {looks}; undecided: {left}. All"
        " numbers are of these samples; a longer budget or all samples decide."
    )


def spared(uses: Iterable[WaiverUse]) -> tuple[WaiverUse, ...]:
    """Waivers of a run that did not see all: what they waive may lie in the rest."""
    return tuple(
        replace(use, state="not judged") if use.state == "unused" else use
        for use in uses
    )
