"""Where the error comes from: errors along the graph, and the steps that inject it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.error_map import error_map
from harness.report.charts.profile import error_profile
from harness.report.text import count, one_line, percent, quantity, scientific, shorten
from harness.report.view.cells import name, num
from harness.report.view.page import (
    Badge,
    Cell,
    Column,
    Figure,
    Gallery,
    Part,
    Prose,
    Row,
    Table,
)

if TYPE_CHECKING:
    from harness.core.results import ErrorProfile, ErrorStep, StepMap

TITLE = "Where the error comes from"
_MAX_ROWS = 15
_LEGEND = (
    Badge("injected", "", "key injected"),
    Badge("injected beyond rounding", "", "key guilty"),
    Badge("inherited", "", "key inherited"),
    Badge("rounding", "", "key floor"),
)
_HOW = (
    "Root mean square of c \u2212 r over that of r, on a log scale. Injected: with all"
    " before the step fed from the reference. Inherited: in the candidate's own run."
)
_MAPS = "Where in the image it is wrong"
_MAPPED = (
    "Mean |c \u2212 r| over samples and channels, all before the step fed from the"
    " reference. The darker, the larger."
)
_NONE = "No step injects more error than rounding explains there."


def summary(profile: ErrorProfile) -> str:
    """The block's conclusion in a line."""
    guilty = _guilty(profile)
    held = f"{quantity(_n_steps(profile), 'step')} held against the reference"
    if not guilty:
        return f"{held}; none injects more than rounding"
    injecting = f"{len(guilty)} inject{'s' if len(guilty) == 1 else ''} error"
    return f"{held}; {injecting}, first {_place(guilty[0])}"


def profile_parts(profile: ErrorProfile) -> tuple[Part, ...]:
    """The errors drawn, where in images they lie, and a table of guilty steps."""
    guilty = _guilty(profile)
    told: Part = _table(guilty) if guilty else Prose(_NONE, "empty")
    maps = tuple(_mapped(step, step.map) for step in guilty if step.map is not None)
    drawn = (Gallery(_MAPS, maps, _MAPPED, "error-maps small"),) if maps else ()
    return _drawn(profile, guilty), *drawn, told


def _mapped(step: ErrorStep, found: StepMap) -> Figure:
    line = found.height == 1
    size = f"{found.width} places" if line else f"{found.height} x {found.width} places"
    edge = "at both ends" if line else "on the border"
    label = f"{size}; {percent(found.border_share)} of the error lies {edge}"
    return Figure(Cell(_place(step), kind="code"), error_map(found), label)


def _guilty(profile: ErrorProfile) -> list[ErrorStep]:
    return [step for step in profile.steps if step.guilty]


def _n_steps(profile: ErrorProfile) -> int:
    return len(profile.steps) + profile.n_left_out


def _place(step: ErrorStep) -> str:
    node = shorten(one_line(step.candidate_node), 48)
    return f"{shorten(one_line(step.op_type), 24)} '{node}'"


def _drawn(profile: ErrorProfile, guilty: list[ErrorStep]) -> Gallery:
    left_out = quantity(profile.n_left_out, "more step")
    more = f" {left_out}, further from these, not kept." if profile.n_left_out else ""
    figure = Figure(
        title=Cell(f"{quantity(len(profile.steps), 'step')} in the graph's order"),
        svg=error_profile(profile),
        label=_words(profile, guilty),
    )
    return Gallery("Error by step", (figure,), f"{_HOW}{more}", "profile", _LEGEND)


def _words(profile: ErrorProfile, guilty: list[ErrorStep]) -> str:
    """What the picture shows, for who cannot see it."""
    samples = f"on {quantity(profile.n_samples, 'sample')}"
    if not guilty:
        return f"{_NONE.removesuffix('.')} {samples}"
    first = guilty[0]
    before = profile.steps[: profile.steps.index(first)]
    known = [step.inherited for step in before if step.inherited is not None]
    before_it = f", with at most {scientific(max(known))} before it" if known else ""
    error = f"{scientific(first.injected)}{before_it}"
    return f"{_place(first)} is the first to inject error: {error}, {samples}"


def _table(guilty: list[ErrorStep]) -> Table:
    hidden = len(guilty) - _MAX_ROWS
    return Table(
        caption="Steps that inject more than rounding",
        kind="profile-steps",
        detail="In the graph's order; the first is where the two models part.",
        columns=(
            Column("node"),
            Column("operator"),
            Column("injected", "num", "fed from the reference"),
            Column("inherited", "num", "in the candidate's own run"),
            Column("rounding", "num", "what rounding alone explains there: the floor"),
        ),
        rows=tuple(map(_row, guilty[:_MAX_ROWS])),
        more=f"{count(hidden)} more in the JSON report." if hidden > 0 else "",
    )


def _row(step: ErrorStep) -> Row:
    cells = (
        name(step.candidate_node, 48, kind="code"),
        name(step.op_type, 24),
        num(scientific(step.injected), kind="worse"),
        num(scientific(step.inherited)),
        num(scientific(step.floor)),
    )
    return Row(cells)
