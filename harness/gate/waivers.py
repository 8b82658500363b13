"""Failures that are waived: by name, with a reason, by somebody, until a day.

A waiver that has expired no longer holds, and one that nothing needs hides the next
failure: either fails the run, so that the file is kept as short as it can be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.waivers import WaiverUse
from harness.gate.verdict import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from harness.core.results import Check, VariantResult
    from harness.core.waivers import Waiver, WaiverState


def waive(
    variants: Iterable[VariantResult], waivers: Sequence[Waiver], today: date
) -> tuple[tuple[VariantResult, ...], tuple[WaiverUse, ...]]:
    """Apply waivers to judged variants.

    A failed check passes when every part of it is covered by a waiver that holds; an
    undecided or unanswered one needs no waiver and gets none.

    Args:
        variants: Judged.
        waivers: Of the suite.
        today: Waivers hold up to and including their last day.

    Returns:
        The variants with their checks and verdicts, and each waiver with what became
        of it.
    """
    holding = [w for w in waivers if w.until >= today.isoformat()]
    before = {variant.name: variant for variant in variants}
    after = tuple(_waived(variant, holding) for variant in before.values())
    uses = [WaiverUse(w, _state(w, before.get(w.variant), holding)) for w in waivers]
    return after, tuple(uses)


def stale(uses: Iterable[WaiverUse]) -> tuple[WaiverUse, ...]:
    """Those that fail a run: expired ones, and ones that nothing needs."""
    return tuple(use for use in uses if use.state in {"expired", "unused"})


def _waived(variant: VariantResult, waivers: Sequence[Waiver]) -> VariantResult:
    mine = [waiver for waiver in waivers if waiver.variant == variant.name]
    if not mine or not variant.checks:
        return variant
    checks = tuple(_settled(check, mine) for check in variant.checks)
    return replace(variant, checks=checks, verdict=verdict_of(checks))


def _settled(check: Check, waivers: Sequence[Waiver]) -> Check:
    asked = [waiver for waiver in waivers if waiver.check == check.name]
    parts = check.parts or (check.name,)
    whole = [waiver for waiver in asked if waiver.part is None]
    covered = all(any(w.covers(part) for w in asked) for part in parts)
    if check.status != "failed" or not (whole or covered):
        return check
    used = [w for w in asked if any(w.covers(part) for part in parts)]
    return replace(check, status="passed", waived=tuple(map(_told, used)))


def _told(waiver: Waiver) -> str:
    what = f"{waiver.part}: " if waiver.part else ""
    return f"{what}{waiver.why} ({waiver.who}, until {waiver.until})"


def _state(
    waiver: Waiver, variant: VariantResult | None, holding: Sequence[Waiver]
) -> WaiverState:
    if waiver not in holding:
        return "expired"
    checks = () if variant is None else variant.checks
    check = next((check for check in checks if check.name == waiver.check), None)
    if check is None or check.status == "error":
        return "not judged"
    failed = check.status == "failed"
    parts = check.parts or (check.name,)
    needed = failed and any(waiver.covers(part) for part in parts)
    return "used" if needed else "unused"
