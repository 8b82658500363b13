"""GRD001: a grid is sampled at other places, or with other weights."""

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
    code="GRD001",
    slug="gridsample.settings",
    line="a grid is sampled by other corners, padding or interpolation",
    hint="pass align_corners, padding_mode and mode on as the original has them: "
    "PyTorch's defaults changed with 1.3",
    rank=20,
)
_MODES = {"bilinear": "linear", "bicubic": "cubic"}
_DEFAULTS: Settings = {"align_corners": 0, "padding_mode": "zeros", "mode": "linear"}


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each GridSample that is set to something else."""
    yield from together_suspects(case, CAUSE, "GridSample", _read)


def _read(graph: Graph, node: Node) -> Settings:
    """In the newer words: opsets up to 19 say bilinear for linear."""
    found = {**_DEFAULTS, **settings_of(graph, node)}
    kept = {name: found[name] for name in _DEFAULTS}
    mode = _MODES.get(str(kept["mode"]), kept["mode"])
    plain = {**kept, "mode": mode}
    return {k: v for k, v in plain.items() if isinstance(v, (int, str))}


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"GridSample"}), evidence=False))
