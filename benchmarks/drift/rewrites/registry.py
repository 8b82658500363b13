"""What a rewrite is, and all there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx

from benchmarks.drift.editor import Editor

if TYPE_CHECKING:
    from benchmarks.drift.data import Array


@dataclass(slots=True)
class Rewritten:
    """A file that says the same in another way.

    Attributes:
        model: The new file.
        names: Old value or node name -> new; others stayed.
    """

    model: onnx.ModelProto
    names: dict[str, str] = field(default_factory=dict)


# Edits in place, or returns another file; the number of places it touched.
Change = Callable[[Editor], "int | Rewritten"]
REWRITES: dict[str, Change] = {}


def rewriting(name: str) -> Callable[[Change], Change]:
    """Register a rewrite."""

    def register(change: Change) -> Change:
        REWRITES[name] = change
        return change

    return register


def rewrite(
    name: str, model: onnx.ModelProto, samples: Mapping[str, Array]
) -> Rewritten | None:
    """Apply a rewrite to a copy; None where the file offers no place for it."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    done = REWRITES[name](Editor(copy, samples))
    if isinstance(done, Rewritten):
        return done
    if not done:
        return None
    # Shapes noted by the exporter may no longer be those of the edited graph.
    del copy.graph.value_info[:]
    return Rewritten(copy)
