"""Inline SVG as trees: texts are escaped by construction, colours come from the CSS."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.report.text import bounded
from harness.report.view.page import Svg

if TYPE_CHECKING:
    from collections.abc import Iterable


def fixed(value: float) -> str:
    """A coordinate with at most one decimal."""
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


@dataclass(slots=True)
class Canvas:
    """A drawing of a fixed size in CSS pixels, hidden from screen readers.

    What it shows stands in words beside it; see `Figure.label`.
    """

    width: float
    height: float
    kind: str
    scales: bool = True
    _root: ET.Element = field(init=False)

    def __post_init__(self) -> None:
        width, height = fixed(self.width), fixed(self.height)
        facts = {"class": self.kind, "width": width, "height": height}
        if self.scales:
            facts["viewBox"] = f"0 0 {width} {height}"
        self._root = ET.Element("svg", {**facts, "aria-hidden": "true"})

    def lines(self, xs: Iterable[float], kind: str) -> None:
        """Lines over the whole height."""
        bottom = fixed(self.height)
        self.path("".join(f"M{fixed(x)} 0V{bottom}" for x in xs), kind)

    def path(self, steps: str, kind: str) -> ET.Element:
        """A path; `steps` is the d attribute."""
        return ET.SubElement(self._root, "path", {"class": kind, "d": steps})

    def line(
        self, start: tuple[float, float], end: tuple[float, float], kind: str
    ) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, end
        self.path(f"M{fixed(x1)} {fixed(y1)}L{fixed(x2)} {fixed(y2)}", kind)

    def circle(self, x: float, y: float, radius: float, kind: str) -> None:
        """A circle."""
        facts = {"cx": fixed(x), "cy": fixed(y), "r": fixed(radius)}
        ET.SubElement(self._root, "circle", {"class": kind, **facts})

    def rect(
        self, corner: tuple[float, float], size: tuple[float, float], kind: str
    ) -> ET.Element:
        """A rectangle from its upper left corner."""
        (x, y), (width, height) = corner, size
        facts = {"x": fixed(x), "y": fixed(y)}
        facts |= {"width": fixed(width), "height": fixed(height)}
        return ET.SubElement(self._root, "rect", {"class": kind, **facts})

    def text(self, at: tuple[float, float], text: str, kind: str) -> None:
        """A text; its class anchors it."""
        facts = {"class": kind, "x": fixed(at[0]), "y": fixed(at[1])}
        ET.SubElement(self._root, "text", facts).text = text

    def hover(self, element: ET.Element, text: str) -> None:
        """Tell an exact value on hover."""
        ET.SubElement(element, "title").text = bounded(text)

    def markup(self) -> Svg:
        """The drawing."""
        return Svg(ET.tostring(self._root, encoding="unicode"))


def steps(points: Iterable[tuple[float, float]]) -> str:
    """A path through points; level and upright lines name one coordinate."""
    path = ""
    last = ("", "")
    for at in ((fixed(x), fixed(y)) for x, y in points):
        if not path:
            path = f"M{at[0]} {at[1]}"
        elif at[1] == last[1]:
            path += "" if at == last else f"H{at[0]}"
        else:
            path += f"V{at[1]}" if at[0] == last[0] else f"L{at[0]} {at[1]}"
        last = at
    return path
