"""All graphs of an ONNX model at once, indexed by value."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from onnx import helper

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto


class OnnxModel:
    """A model's nodes and constants, those of sub-graphs and functions among them.

    Names of values are looked up across graphs: two graphs that use one name for
    different values may be taken for one another.

    Attributes:
        proto: The model.
        graphs: The main graph, and the bodies of If, Loop, Scan, ...
        nodes: Of all graphs and local functions.
        constants: Initializers and values of Constant nodes, by name.
        opsets: Domain -> version; the standard domain is "ai.onnx".
    """

    def __init__(self, proto: ModelProto) -> None:
        self.proto = proto
        of_functions = [node for f in proto.functions for node in f.node]
        self.graphs = [proto.graph, *_subgraphs(proto.graph.node)]
        self.graphs += _subgraphs(of_functions)
        self.nodes = [node for graph in self.graphs for node in graph.node]
        self.nodes += of_functions
        self.constants = {t.name: t for graph in self.graphs for t in graph.initializer}
        self.constants |= _constant_nodes(self.nodes)
        self.opsets = {i.domain or "ai.onnx": i.version for i in proto.opset_import}
        self._producers = {name: node for node in self.nodes for name in node.output}
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self._readers[name].append(node)
        self._shapes = {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for graph in self.graphs
            for value in (*graph.input, *graph.value_info, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }

    def of_type(self, *op_types: str) -> list[NodeProto]:
        """Nodes of these operators."""
        return [node for node in self.nodes if node.op_type in op_types]

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a value."""
        return self._producers.get(name)

    def readers(self, name: str) -> list[NodeProto]:
        """The nodes that read a value."""
        return self._readers.get(name, [])

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of a value, 0 for free lengths; None where the file does not tell."""
        if name in self.constants:
            return tuple(self.constants[name].dims)
        return self._shapes.get(name)


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values; graphs and references left out."""
    return {
        item.name: helper.get_attribute_value(item)
        for item in node.attribute
        if item.type and not item.ref_attr_name
    }


def input_of(node: NodeProto, index: int) -> str:
    """Name of an input, "" where it is left out."""
    return str(node.input[index]) if index < len(node.input) else ""


def text(value: object) -> str:
    """A string attribute, which protobuf holds as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def named(nodes: Sequence[NodeProto], at_most: int = 3) -> str:
    """Names of the first nodes, for a message."""
    shown = [repr(node.name or next(iter(node.output), "")) for node in nodes[:at_most]]
    more = f" and {len(nodes) - at_most} more" if len(nodes) > at_most else ""
    return ", ".join(shown) + more


def _subgraphs(nodes: Iterable[NodeProto]) -> Iterator[GraphProto]:
    for node in nodes:
        for item in node.attribute:
            for graph in _graphs_of(item):
                yield graph
                yield from _subgraphs(graph.node)


def _graphs_of(item: AttributeProto) -> list[GraphProto]:
    return [item.g, *item.graphs] if item.HasField("g") else list(item.graphs)


def _constant_nodes(nodes: Iterable[NodeProto]) -> dict[str, TensorProto]:
    return {
        node.output[0]: item.t
        for node in nodes
        if node.op_type == "Constant" and node.output
        for item in node.attribute
        if item.name == "value"
    }
