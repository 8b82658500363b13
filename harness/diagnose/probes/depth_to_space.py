"""LAY002: channels become places, or places channels, in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import permute_axis, set_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import IntArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="LAY002",
    slug="layout.depth_to_space_mode",
    line="channels become places (or the reverse) in another order: DCR or CRD",
    hint="PyTorch's PixelShuffle is mode CRD, TensorFlow's depth_to_space DCR; "
    "PixelUnshuffle is no SpaceToDepth without a permutation of channels",
    rank=15,
)


def look(case: Case) -> Iterator[Suspect]:
    """Another mode, and for SpaceToDepth, which has none, permuted channels."""
    pairs = {theirs.key: ours for ours, theirs in case.pairs_of("DepthToSpace")}
    for node in case.nodes_of("candidate", "DepthToSpace"):
        twin = pairs.get(node.key)
        mine = twin.attributes.get("mode", "DCR") if twin else None
        if _channels(case, node.key) != 1 and mine != node.attributes.get(
            "mode", "DCR"
        ):
            yield _other_mode(case, node, twin)
    if any(True for _ in case.pairs_of("SpaceToDepth")):
        return
    for node in case.nodes_of("candidate", "SpaceToDepth"):
        if (count := _channels(case, node.input(0))) and count > 1:
            yield _permuted(case, node, count)


def _other_mode(case: Case, node: Node, twin: Node | None) -> Suspect:
    now = str(node.attributes.get("mode", "DCR"))
    wanted = "CRD" if now == "DCR" else "DCR"
    said = say(
        f"DepthToSpace '{node.label}' reads channels as {now}; the reference "
        f"as {wanted}",
        f"mode {wanted}",
        f"mode {now}",
    )
    edit = (
        f"set mode of '{node.label}' to {wanted}",
        set_attribute(node.key, "mode", wanted),
    )
    return case.suspect(CAUSE, (twin, node), said, edit, group=(now, twin is None))


def _permuted(case: Case, node: Node, channels: int) -> Suspect:
    block = int(node.attributes["blocksize"])
    said = say(
        f"SpaceToDepth '{node.label}' puts the places of a block before its channels; "
        "the reference puts the channels first",
        "channels first (PixelUnshuffle)",
        "places first (SpaceToDepth)",
    )
    change = permute_axis(node.key, _channels_first(channels, block), 1)
    text = f"reorder the {channels * block**2} channels behind '{node.label}'"
    return case.suspect(CAUSE, (None, node), said, (text, change), group=(block,))


def _channels_first(channels: int, block: int) -> IntArray:
    """Where each channel of PixelUnshuffle stands in SpaceToDepth's."""
    places = np.arange(channels * block * block)
    return places.reshape(block * block, channels).T.ravel()


def _channels(case: Case, name: str) -> int | None:
    assert case.candidate is not None
    shape = case.candidate.static_shape(name)
    return shape[1] if shape and len(shape) > 1 else None


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"DepthToSpace", "SpaceToDepth"})))
