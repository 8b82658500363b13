"""Small pieces of the HTML view: numbers, names, statuses, ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import waivers
from harness.report.states import WORDS, State, state_of
from harness.report.text import MISSING, bounded, one_line, shorten
from harness.report.view.page import Badge, Cell

if TYPE_CHECKING:
    from harness.core.results import Check, ClassVerdict, QualityReport, VariantResult

_MINUS = "\u2212"
_MAX_MESSAGE = 600
_DASH = "\u2013"
_SIGNS: dict[State, str] = {
    "passed": "\u2713",
    "failed": "\u2715",
    "undecided": "?",
    "error": "!",
    "not-run": _DASH,
}
_CLASSES: dict[ClassVerdict, State] = {
    "pass": "passed",
    "fail": "failed",
    "undecided": "undecided",
}
REFERENCE = Badge("reference", "=", "reference")
WAIVED = Badge(waivers.WAIVED, "~", "waived")


def typeset(text: str) -> str:
    """A number's text with a true minus, and a dash where it is missing."""
    if text == MISSING:
        return _DASH
    return _MINUS + text[1:] if text.startswith("-") else text


def num(text: str, *, kind: str = "", note: str = "", title: str = "") -> Cell:
    """A number's cell."""
    return Cell(typeset(text), kind=f"num {kind}".strip(), note=note, title=title)


def name(text: str, width: int = 36, *, href: str = "", kind: str = "") -> Cell:
    """A name's cell, its middle left out where it is long."""
    whole = one_line(text)
    shown = shorten(whole, width)
    full = bounded(whole) if shown != whole else ""
    return Cell(shown, full=full, href=href, kind=f"name {kind}".strip())


def badge(state: State) -> Badge:
    """A status in words and sign."""
    return Badge(WORDS[state], _SIGNS[state], state)


def check_badge(check: Check) -> Badge:
    """A check's answer; a failure that is waived is no plain pass."""
    return WAIVED if check.waived else badge(check.status)


def class_badge(verdict: ClassVerdict) -> Badge:
    """The verdict over one class."""
    return badge(_CLASSES[verdict])


def variant_badge(report: QualityReport, variant: VariantResult) -> Badge:
    """A variant's status; the reference is judged by nothing."""
    if variant.name == report.suite.reference:
        return REFERENCE
    return badge(state_of(variant))


def unique(wanted: str, taken: set[str]) -> str:
    """The id, with a number where it is taken."""
    found, n = wanted, 1
    while found in taken:
        n += 1
        found = f"{wanted}-{n}"
    return found


def sentence(text: str) -> str:
    """A message of others with a capital and a full stop, so that it stands alone."""
    plain = shorten(one_line(text), _MAX_MESSAGE)
    if not plain:
        return ""
    stop = "" if plain[-1] in ".!?" else "."
    return f"{plain[0].upper()}{plain[1:]}{stop}"
