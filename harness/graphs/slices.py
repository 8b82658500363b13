"""Pieces of a model as small models of their own, without copying its weights.

A piece computes some nodes; what they read from elsewhere becomes an input. Large
float constants become inputs, too, and are fed by reference: nothing of a big model is
serialized again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from harness.core.protocols import Array
    from harness.graphs.model import Graph, Node

# Float constants above this many elements are fed; below, operators may want them
# fixed (axes, scales, shapes), and they cost nothing.
_LARGE = 4096
OWN = "/own"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of a model that runs by itself.

    Attributes:
        model: Its nodes, the small constants, and typed inputs.
        constants: Large constants, to be fed under these names.
    """

    model: onnx.ModelProto
    constants: Mapping[str, Array]

    def serialized(self) -> bytes:
        """The piece as a file's bytes."""
        return bytes(self.model.SerializeToString())


@dataclass(frozen=True, slots=True, eq=False)
class Slicer:
    """Cuts pieces out of one model.

    Attributes:
        model: The file.
        graph: What was read of it.
    """

    model: onnx.ModelProto
    graph: Graph
    _protos: Mapping[str, onnx.NodeProto] = field(init=False, repr=False)
    _initializers: Mapping[str, onnx.TensorProto] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        nodes, tensors = self.model.graph.node, self.model.graph.initializer
        protos = {name: node for node in nodes for name in node.output if name}
        object.__setattr__(self, "_protos", protos)
        object.__setattr__(self, "_initializers", {t.name: t for t in tensors})

    def proto(self, key: str) -> onnx.NodeProto:
        """The file's node that computes a value."""
        return self._protos[key]

    def reads(self, node: Node) -> tuple[str, ...]:
        """Values that a node reads, those of its subgraphs among them."""
        named = [*filter(None, node.inputs), *_implicit(self.proto(node.key))]
        return tuple(dict.fromkeys(named))

    def moving(self, node: Node) -> tuple[str, ...]:
        """What a node reads and the file does not fix."""
        return tuple(k for k in self.reads(node) if self.graph.constant(k) is None)

    def piece(
        self,
        nodes: Sequence[Node],
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        *,
        forced: Collection[str] = (),
    ) -> Piece:
        """A model of these nodes alone, its constants folded.

        Args:
            nodes: In topological order.
            feeds: What will be fed: their types become the inputs'.
            fetches: Its outputs.
            forced: Values computed here that others shall not read: they read what
                is fed under that name, and the computed value is called name + OWN.
        """
        protos = [_redirected(self.proto(node.key), forced) for node in nodes]
        made = {name for proto in protos for name in proto.output}
        read = dict.fromkeys(k for node in nodes for k in self.reads(node))
        fixed = [k for k in read if k not in feeds and k not in made]
        fed = {k: a for k in fixed if (a := self._large(k)) is not None}
        kept = [self._tensor(k) for k in fixed if k not in fed and self._known(k)]
        inputs = {k: a for k, a in feeds.items() if k in read} | fed
        return Piece(self._model(protos, kept, inputs, fetches), fed)

    def excerpt(
        self, nodes: Sequence[Node], feeds: Mapping[str, Array], fetches: Sequence[str]
    ) -> Piece:
        """The same with the file's own nodes behind each constant: it can be edited."""
        protos = list(self._with_constant_nodes(nodes, feeds))
        made = {name for proto in protos for name in proto.output}
        read = dict.fromkeys(k for p in protos for k in [*p.input, *_implicit(p)] if k)
        fixed = [k for k in read if k not in feeds and k not in made]
        kept = [self._tensor(k) for k in fixed if self._known(k)]
        inputs = {k: a for k, a in feeds.items() if k in read}
        return Piece(self._model(protos, kept, inputs, fetches), {})

    def _with_constant_nodes(
        self, nodes: Sequence[Node], feeds: Mapping[str, Array]
    ) -> Iterator[onnx.NodeProto]:
        wanted = {id(self.proto(node.key)) for node in nodes}
        stack = [k for node in nodes for k in self.reads(node) if k not in feeds]
        while stack:
            name = stack.pop()
            proto = self._protos.get(name)
            if proto is None or id(proto) in wanted or not self.closed(name):
                continue
            wanted.add(id(proto))
            stack += [k for k in [*proto.input, *_implicit(proto)] if k]
        return (p for p in self.model.graph.node if id(p) in wanted)

    def closed(self, name: str) -> bool:
        """Whether a constant follows from the file alone, not from a fed shape."""
        if name in self._initializers:
            return True
        proto = self._protos.get(name)
        if proto is None or self.graph.constant(name) is None:
            return False
        return all(self.closed(k) for k in [*proto.input, *_implicit(proto)] if k)

    def _model(
        self,
        protos: Iterable[onnx.NodeProto],
        kept: Iterable[onnx.TensorProto],
        inputs: Mapping[str, Array],
        fetches: Sequence[str],
    ) -> onnx.ModelProto:
        model = onnx.ModelProto(ir_version=self.model.ir_version)
        model.opset_import.extend(self.model.opset_import)
        graph = model.graph
        graph.name = "piece"
        graph.node.extend(protos)
        graph.initializer.extend(kept)
        graph.input.extend(typed(name, array) for name, array in inputs.items())
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in fetches)
        return model

    def _known(self, name: str) -> bool:
        return name in self._initializers or self.graph.constant(name) is not None

    def _large(self, name: str) -> Array | None:
        array = self.graph.constant(name)
        if array is None or array.size <= _LARGE or array.dtype.kind != "f":
            return None
        return array

    def _tensor(self, name: str) -> onnx.TensorProto:
        if name in self._initializers:
            return self._initializers[name]
        array = self.graph.constant(name)
        assert array is not None
        return onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)


def typed(name: str, array: Array) -> onnx.ValueInfoProto:
    """A graph input of an array's type and rank, its lengths free."""
    dtype = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(name, dtype, [None] * array.ndim)


def _redirected(proto: onnx.NodeProto, forced: Collection[str]) -> onnx.NodeProto:
    if not any(name in forced for name in proto.output):
        return proto
    copy = onnx.NodeProto()
    copy.CopyFrom(proto)
    for i, name in enumerate(copy.output):
        if name in forced:
            copy.output[i] = name + OWN
    return copy


def _implicit(proto: onnx.NodeProto) -> Iterator[str]:
    """Names that a node's subgraphs read from around them."""
    for attribute in proto.attribute:
        for graph in [*attribute.graphs, attribute.g]:
            inside = {t.name for t in graph.initializer}
            inside |= {item.name for item in graph.input}
            for node in graph.node:
                read = (*node.input, *_implicit(node))
                yield from (k for k in read if k and k not in inside)
                inside.update(node.output)
