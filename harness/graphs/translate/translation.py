"""What a translator answers: the file's graph as an ONNX model that can be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """A file of another form, as ONNX.

    Attributes:
        model: Opset 17; inputs and outputs have the names by which the form's own
            runtime calls them, and what was quantized is fed and answered as floats.
        origin: Output of an ONNX node -> the node or tensor of the file that it
            stands for.
        inputs: ONNX input -> the file's own name of it.
        outputs: ONNX output -> the file's own name of it.
        steps: ONNX output -> quantization step of its numbers; 0 for floats.
        rounds: Whether kernels of the file round floats to 8 bits as they come.
    """

    model: onnx.ModelProto
    origin: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    steps: Mapping[str, float] = field(default_factory=dict)
    rounds: bool = False

    @property
    def nodes(self) -> dict[str, str]:
        """ONNX node name -> the node or tensor of the file that it stands for."""
        return {n.name: self.origin[n.output[0]] for n in self.model.graph.node}


def as_exported(model: onnx.ModelProto) -> Translation:
    """What a framework exported itself: values go by the names of its own nodes.

    Where a node has the path of its layer for a name, it goes by that.
    """
    for node in model.graph.node:
        node.name = node.name or node.output[0]
    return Translation(
        model=model,
        origin={name: _own(n, name) for n in model.graph.node for name in n.output},
        inputs={value.name: value.name for value in model.graph.input},
        outputs={value.name: value.name for value in model.graph.output},
    )


def _own(node: onnx.NodeProto, output: str) -> str:
    return str(node.name) if node.name.startswith("/") else output
