"""Facts of Darknet networks: configuration and weights."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.formats.darknet_cfg import NETS, sections
from harness.formats.malformed import Malformed
from harness.formats.prototext import read_text
from harness.inspection.tally import counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_HEADER = struct.Struct("<3i")
_WEIGHTS = "weights: they are in the .weights file"
_GRAPH = "layers: they are in the .cfg file"


def inspect_cfg(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.cfg`` file.

    Raises:
        Malformed: It is no such text.
        OSError: It cannot be read.
    """
    found = list(sections(read_text(path)))
    net = next((values for kind, values in found if kind in NETS), {})
    operators = counted(kind for kind, _ in found if kind not in NETS)
    if not operators:
        raise Malformed("it has no layers")
    shape = tuple(
        _whole(net.get(key)) for key in ("batch", "channels", "height", "width")
    )
    return replace(
        facts,
        inputs=(TensorSpec("data", "float32", (None, *shape[1:])),),
        operators=operators,
        portability=traps_in(operators),
        not_read=("outputs: Darknet does not name them", _WEIGHTS),
        metadata={"batch": str(shape[0])} if shape[0] else {},
    )


def inspect_weights(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.weights`` file.

    Raises:
        Malformed: It is cut short.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEADER.size + 8)
    if len(head) < _HEADER.size + 4:
        raise Malformed("its header is cut short")
    major, minor, revision = _HEADER.unpack_from(head)
    # Images seen in training: eight bytes since version 0.2.
    seen = 8 if major * 10 + minor >= 2 else 4
    n_parameters, rest = divmod(facts.size_bytes - _HEADER.size - seen, 4)
    if rest or n_parameters < 0:
        raise Malformed("its numbers are cut short")
    return replace(
        facts,
        version=f"{major}.{minor}.{revision}",
        n_parameters=n_parameters,
        bytes_by_dtype={"float32": 4 * n_parameters},
        metadata={"images seen": str(int.from_bytes(head[12 : 12 + seen], "little"))},
        not_read=(_GRAPH,),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None
