"""One node of a TensorFlow graph while it is translated: operands and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import UnsupportedFormatError
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array
    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.tf_graph import TfNode


class TfValue:
    """A value: fixed in the file, or computed.

    Args:
        name: Of the value in ONNX; None where it is fixed and was not written yet.
        content: What the file fixes it to.
        label: What the file calls it.
        channels: Length of its last axis, where that is known.
        dilations: Of windows over it: TensorFlow dilates a window by giving it every
            second sample as a batch of its own, and so does not dilate it.
    """

    def __init__(
        self,
        name: str | None = None,
        content: Array | None = None,
        label: str = "",
        channels: int | None = None,
        dilations: tuple[int, ...] = (),
    ) -> None:
        self.content = content
        self.dilations = dilations
        self.label = label
        self.channels = channels
        self._name = name
        if content is not None and content.ndim:
            self.channels = content.shape[-1]

    def name(self, e: Emitter) -> str:
        """Its name in ONNX; a fixed value is written when somebody reads it.

        Raises:
            Malformed: It is a variable that no checkpoint holds.
        """
        if self._name is None:
            if self.content is None:
                raise Malformed(f"nothing tells what the variable {self.label!r} holds")
            self._name = e.constant(self.content, self.label or "constant")
        return self._name


@dataclass(frozen=True, slots=True, eq=False)
class TfCall:
    """A node, and what it reads.

    Attributes:
        e: Where nodes go.
        node: It.
        operands: What it reads, in order.
    """

    e: Emitter
    node: TfNode
    operands: Sequence[TfValue]

    @property
    def x(self) -> str:
        """Name of the first operand."""
        return self.operands[0].name(self.e)

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of windows over the operands; nothing where they say it themselves."""
        return next((o.dilations for o in self.operands if o.dilations), ())

    @property
    def names(self) -> list[str]:
        """Names of all operands."""
        return [operand.name(self.e) for operand in self.operands]

    def content(self, at: int) -> Array:
        """An operand that must be fixed in the file.

        Raises:
            UnsupportedFormatError: It is computed.
        """
        content = self.operands[at].content
        if content is None:
            raise self.refused(f"input {at} is computed")
        return content

    def numbers(self, at: int) -> tuple[int, ...]:
        """Whole numbers that must be fixed in the file, as one list."""
        return tuple(int(n) for n in self.content(at).reshape(-1))

    def longs(self, at: int) -> str:
        """Whole numbers as int64, which ONNX has its shapes in."""
        operand = self.operands[at]
        if operand.content is not None:
            return self.e.constant(operand.content.astype(np.int64), operand.label)
        return self.e.emit("Cast", operand.name(self.e), to=7)

    def require_channels_last(self) -> None:
        """Refuse a node whose channels come first.

        Raises:
            UnsupportedFormatError: They do.
        """
        if self.node.text("data_format", "NHWC") not in {"NHWC", "NWC", ""}:
            raise self.refused("its channels come first")

    def refused(self, why: str) -> UnsupportedFormatError:
        """What is raised where this one cannot be translated."""
        return UnsupportedFormatError(
            f"{self.node.op} {self.node.name!r} is not translated: {why}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )
