"""ROI001: regions are cut out half a pixel away, or sampled otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.named_settings import together_suspects
from harness.graphs.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.named_settings import Settings
    from harness.graphs.model import Graph, Node

CAUSE = Cause(
    code="ROI001",
    slug="roialign.coordinate",
    line="regions are cut out half a pixel away, or sampled otherwise",
    hint="write coordinate_transformation_mode out: opset 10 means output_half_pixel, "
    "opset 16 half_pixel (aligned=True)",
    rank=20,
)
_DEFAULTS: Settings = {
    "coordinate_transformation_mode": "output_half_pixel",
    "mode": "avg",
    "sampling_ratio": 0,
    "spatial_scale": 1.0,
    "output_height": 1,
    "output_width": 1,
}


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each RoiAlign that is set to something else."""
    yield from together_suspects(case, CAUSE, "RoiAlign", _read)


def _read(graph: Graph, node: Node) -> Settings:
    found = {k: v for k, v in settings_of(graph, node).items() if k in _DEFAULTS}
    plain = {k: v for k, v in found.items() if isinstance(v, (int, float, str))}
    return {**_DEFAULTS, **plain}


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"RoiAlign"}), evidence=False))
