"""CNV003: a transposed convolution crops its output elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import node_of
from harness.diagnose.twins import twins
from harness.graphs.semantics import window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node
    from harness.graphs.semantics import Window

CAUSE = Cause(
    code="CNV003",
    slug="convtranspose.padding",
    line="a transposed convolution crops its output elsewhere",
    hint="crop as the original does: write pads and output_padding out instead of "
    "auto_pad, whose odd element runtimes put on different sides",
    rank=20,
)
_CROPPING = ("pads", "output_padding", "auto_pad", "output_shape", "strides")


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each pair that steps or crops otherwise, with an effect."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in twins(case, "ConvTranspose"):
        mine = window_of(case.reference, nodes[0])
        other = window_of(case.candidate, nodes[1])
        if mine is None or other is None or len(mine.axes) != len(other.axes):
            continue
        if not (mine.same_steps(other) and mine.same_padding(other)):
            yield _suspect(case, nodes, mine, other)


def _suspect(
    case: Case, nodes: tuple[Node, Node], mine: Window, other: Window
) -> Suspect:
    theirs, wanted, now = nodes[1], _shown(mine), _shown(other)
    said = say(
        f"ConvTranspose '{theirs.label}' crops {now}; the reference crops {wanted}",
        f"crops {wanted}",
        f"crops {now}",
    )
    edit = f"let '{theirs.label}' crop {wanted}", _crop_as(theirs, mine)
    return case.suspect(CAUSE, nodes, said, edit, group=(wanted, now))


def _crop_as(node: Node, wanted: Window) -> Change:
    axes = wanted.axes
    extra = [a.end - (a.end if a.used_end is None else a.used_end) for a in axes]
    made = {
        "pads": list(wanted.pads),
        "output_padding": extra,
        "strides": [axis.stride for axis in axes],
        "dilations": [axis.dilation for axis in axes],
    }

    def change(model: onnx.ModelProto) -> None:
        found = node_of(model, node.key)
        gone = {*_CROPPING, *made}
        kept = [a for a in found.attribute if a.name not in gone]
        del found.attribute[:]
        found.attribute.extend(kept)
        for name, value in made.items():
            found.attribute.append(onnx.helper.make_attribute(name, value))

    return change


def _shown(window: Window) -> str:
    begins = ",".join(str(axis.begin) for axis in window.axes)
    ends = ",".join(
        str(axis.end if axis.used_end is None else axis.used_end)
        for axis in window.axes
    )
    strides = ",".join(str(axis.stride) for axis in window.axes)
    return f"({begins}) before and ({ends}) behind at stride ({strides})"


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"ConvTranspose"}), evidence=False))
