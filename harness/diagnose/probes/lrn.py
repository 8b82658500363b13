"""LRN001: a local response normalization has another strength."""

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
    code="LRN001",
    slug="lrn.alpha",
    line="a local response normalization has another strength, size or bias",
    hint="ONNX, Caffe and PyTorch divide alpha by size, TensorFlow does not: "
    "multiply or divide where the layer is rebuilt",
    rank=20,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each LRN that is set to something else."""
    yield from together_suspects(case, CAUSE, "LRN", _read)


def _read(graph: Graph, node: Node) -> Settings:
    found = settings_of(graph, node)
    kept = ((name, found.get(name)) for name in ("size", "alpha", "beta", "bias"))
    return {name: value for name, value in kept if isinstance(value, (int, float))}


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"LRN"}), evidence=False))
