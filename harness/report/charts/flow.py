"""Where decisions went: ribbons from the true class over what was to what is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas, fixed
from harness.report.text import count, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import Flow
    from harness.report.view.page import Svg

_WIDTH, _HEAD, _DRAWN, _GAP = 640.0, 22.0, 260.0, 5.0
_LEFT, _RIGHT, _NODE = 120.0, 520.0, 8.0
_LEAST = 12.0
_LABEL, _HOVER = 17, 60
_ARROW = " \u2192 "


@dataclass(slots=True)
class _Node:
    """A class in one column, and how far its sides are taken."""

    top: float
    height: float
    taken_left: float = 0.0
    taken_right: float = 0.0


@dataclass(slots=True)
class _Stack:
    """One column: nodes by class, from the top."""

    x: float
    title: str
    sizes: dict[str, int]
    nodes: dict[str, _Node] = field(default_factory=dict)


def flow_drawing(flows: Sequence[Flow]) -> Svg:
    """Flows as ribbons, as thick as their samples; the largest classes on top.

    Orange ribbons were right, blue ones are right now, grey ones neither.
    """
    stacks = _stacks(flows)
    total = sum(flow.n for flow in flows)
    bottoms = [_place(stack, _DRAWN / max(total, 1)) for stack in stacks]
    canvas = Canvas(_WIDTH, max(bottoms) + 4, "flow")
    order = {name: rank for stack in stacks for rank, name in enumerate(stack.nodes)}
    ranked = sorted(flows, key=lambda f: (order[f.old], order[f.new], f.true or ""))
    for flow in ranked:
        _ribbons(canvas, stacks, flow, _DRAWN / max(total, 1))
    for at, stack in enumerate(stacks):
        _labels(canvas, stack, last=at == len(stacks) - 1, first=at == 0)
    return canvas.markup()


def _keys(flow: Flow, n_stacks: int) -> tuple[str, ...]:
    return (flow.true or "", flow.old, flow.new)[3 - n_stacks :]


def _stacks(flows: Sequence[Flow]) -> list[_Stack]:
    titles = ["true", "was", "is"]
    if all(flow.true is None for flow in flows):
        titles = titles[1:]
    n = len(titles)
    wide = (_RIGHT - _LEFT) / (n - 1)
    stacks = [_Stack(_LEFT + k * wide, title, {}) for k, title in enumerate(titles)]
    for flow in flows:
        for stack, key in zip(stacks, _keys(flow, n), strict=True):
            stack.sizes[key] = stack.sizes.get(key, 0) + flow.n
    return stacks


def _place(stack: _Stack, scale: float) -> float:
    """Put the nodes below each other; tells where the last one ends."""
    top = _HEAD
    for key in sorted(stack.sizes, key=lambda k: (-stack.sizes[k], k)):
        height = stack.sizes[key] * scale
        stack.nodes[key] = _Node(top, height)
        top += max(height, _LEAST) + _GAP
    return top


def _ribbons(canvas: Canvas, stacks: list[_Stack], flow: Flow, scale: float) -> None:
    keys = _keys(flow, len(stacks))
    thick = flow.n * scale
    names = (shorten(one_line(key), _HOVER) for key in keys)
    told = f"{_ARROW.join(names)}: {count(flow.n)}"
    for k in range(len(stacks) - 1):
        start, end = stacks[k].nodes[keys[k]], stacks[k + 1].nodes[keys[k + 1]]
        x0, x1 = stacks[k].x + _NODE, stacks[k + 1].x
        y0, y1 = start.top + start.taken_right, end.top + end.taken_left
        start.taken_right += thick
        end.taken_left += thick
        path = canvas.path(_band((x0, y0), (x1, y1), thick), f"ribbon {_effect(flow)}")
        canvas.hover(path, told)


def _effect(flow: Flow) -> str:
    if flow.true is None:
        return "moved"
    if flow.old == flow.true:
        return "worse"
    return "better" if flow.new == flow.true else "moved"


def _band(start: tuple[float, float], end: tuple[float, float], thick: float) -> str:
    """A ribbon between two columns, level where it meets them."""
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    there = f"M{fixed(x0)} {fixed(y0)}C{fixed(middle)} {fixed(y0)} {fixed(middle)}"
    back = f"C{fixed(middle)} {fixed(y1 + thick)} {fixed(middle)} {fixed(y0 + thick)}"
    return (
        f"{there} {fixed(y1)} {fixed(x1)} {fixed(y1)}V{fixed(y1 + thick)}"
        f"{back} {fixed(x0)} {fixed(y0 + thick)}Z"
    )


def _labels(canvas: Canvas, stack: _Stack, *, last: bool, first: bool) -> None:
    x, anchor = (stack.x - 6, "end") if first else (stack.x + _NODE + 6, "start")
    head = "end" if first else "start" if last else "middle"
    canvas.text((stack.x + (_NODE if first else 0), 12), stack.title, f"tick {head}")
    for key, node in stack.nodes.items():
        canvas.rect((stack.x, node.top), (_NODE, max(node.height, 1.0)), "node")
        text = f"{shorten(one_line(key), _LABEL)} ({count(stack.sizes[key])})"
        y = node.top + max(node.height, _LEAST) / 2 + 4
        canvas.text((x, y), text, f"label {anchor}")
