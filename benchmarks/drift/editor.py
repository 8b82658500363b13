"""Editing one ONNX file: constants, attributes, nodes, and who reads what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.drift.data import Array

# What a shape may be computed from is smaller than this.
_SMALL = 64
Shape = tuple[int | None, ...]


class Editor:
    """A model that is being edited in place.

    Attributes:
        model: The model; every node has a name of its own.
        shapes: Value name -> shape as far as it is inferred, the batch as it is fed.
        samples: Golden inputs by name.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        samples: Mapping[str, Array],
        shapes: Mapping[str, Shape] | None = None,
    ) -> None:
        self.model = model
        self.samples = samples
        self._number = 0
        name_nodes(model)
        known = infer_shapes(model, samples) if shapes is None else shapes
        self.shapes = dict(known)
        self._index()

    def _index(self) -> None:
        graph = self.model.graph
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.producers = {out: node for node in graph.node for out in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self.readers.setdefault(name, []).append(node)

    @property
    def opset(self) -> int:
        """Version of ONNX's own operators."""
        versions = self.model.opset_import
        return next(v.version for v in versions if v.domain in ("", "ai.onnx"))

    @property
    def outputs(self) -> list[str]:
        """Names of the graph's outputs."""
        return [output.name for output in self.model.graph.output]

    def of(self, *types: str) -> Iterator[onnx.NodeProto]:
        """Nodes of these types, in the file's order."""
        return (node for node in list(self.model.graph.node) if node.op_type in types)

    def constant(self, name: str) -> Array | None:
        """The value of an initializer or a Constant node; None of anything else."""
        if name in self._initializers:
            return numpy_helper.to_array(self._initializers[name])
        node = self.producers.get(name)
        if node is None or node.op_type != "Constant":
            return None
        value = self.attribute(node, "value")
        return None if value is None else numpy_helper.to_array(value)

    def constant_input(self, node: onnx.NodeProto) -> tuple[int, Array] | None:
        """The one constant input of a node of two: its place and value."""
        found = [(i, self.constant(name)) for i, name in enumerate(node.input)]
        known = [(i, value) for i, value in found if value is not None]
        return known[0] if len(known) == 1 and len(found) == 2 else None

    def set_constant(self, node: onnx.NodeProto, place: int, value: Array) -> str:
        """Give this input of this node a value of its own; others keep the old one."""
        old = node.input[place] if place < len(node.input) else ""
        shared = len(self.readers.get(old, ())) > 1
        if old in self._initializers and not shared:
            tensor = self._initializers[old]
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), old))
            return old
        name = self.add_constant(value, old or f"{node.name}_in{place}")
        while len(node.input) <= place:
            node.input.append("")
        node.input[place] = name
        self._index()
        return name

    def add_constant(self, value: Array, near: str = "constant") -> str:
        """A new initializer; its name."""
        name = self.fresh(near)
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
        self.model.graph.initializer.append(tensor)
        self._index()
        return name

    def fresh(self, near: str) -> str:
        """A name that nothing bears yet."""
        taken = self.producers.keys() | self._initializers.keys()
        taken |= {node.name for node in self.model.graph.node}
        while f"{near}_{self._number}" in taken:
            self._number += 1
        self._number += 1
        return f"{near}_{self._number - 1}"

    def attribute(self, node: onnx.NodeProto, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        for attribute in node.attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def set_attribute(self, node: onnx.NodeProto, name: str, value: Any) -> None:
        """Set an attribute; None removes it."""
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend(kept)
        if value is not None:
            node.attribute.append(helper.make_attribute(name, value))

    def insert(
        self,
        before: onnx.NodeProto,
        op_type: str,
        inputs: list[str],
        **attributes: Any,
    ) -> onnx.NodeProto:
        """A new node right before another; its output is read by nobody yet."""
        name = self.fresh(f"{before.name}_{op_type}")
        node = helper.make_node(
            op_type, inputs, [f"{name}_out"], name=name, **attributes
        )
        self.model.graph.node.insert(self.place_of(before), node)
        self._index()
        return self.producers[f"{name}_out"]

    def place_of(self, node: onnx.NodeProto) -> int:
        """Index of a node in the file."""
        return next(
            i for i, n in enumerate(self.model.graph.node) if n.name == node.name
        )

    def feed(self, node: onnx.NodeProto, place: int, name: str) -> None:
        """Let an input of a node read another value."""
        node.input[place] = name
        self._index()

    def bypass(self, node: onnx.NodeProto, place: int = 0) -> list[onnx.NodeProto]:
        """Take a node out: its readers read its input. Returns the readers."""
        source, gone = node.input[place], node.output[0]
        readers = list(self.readers.get(gone, ()))
        for reader in readers:
            for i, name in enumerate(reader.input):
                if name == gone:
                    reader.input[i] = source
        self.remove(node)
        return readers

    def remove(self, node: onnx.NodeProto) -> None:
        """Drop a node from the file."""
        del self.model.graph.node[self.place_of(node)]
        self._index()

    def shape(self, name: str) -> Shape:
        """Shape of a value; () where nothing is known."""
        known = self.constant(name)
        return known.shape if known is not None else self.shapes.get(name, ())

    def sole_reader(self, name: str) -> onnx.NodeProto | None:
        """The only node that reads a value, where it is no output."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a name of its own."""
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{index}"
        seen.add(node.name)


def infer_shapes(
    model: onnx.ModelProto, samples: Mapping[str, Array]
) -> dict[str, Shape]:
    """Shapes of all values as these samples give them; the model is left as it is."""
    slim = _without_weights(model)
    for entry in slim.graph.input:
        if entry.name in samples:
            dims = entry.type.tensor_type.shape.dim
            for dim, size in zip(dims, samples[entry.name].shape, strict=True):
                dim.dim_value = size
    for entry in slim.graph.output:
        entry.type.tensor_type.ClearField("shape")
    inferred = shape_inference.infer_shapes(slim, data_prop=True).graph
    entries = (*inferred.value_info, *inferred.input, *inferred.output)
    return {entry.name: _shape(entry) for entry in entries}


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph alone: large weights become inputs of their shape."""
    slim = onnx.ModelProto(ir_version=model.ir_version)
    slim.opset_import.extend(model.opset_import)
    slim.graph.name = model.graph.name
    slim.graph.input.extend(model.graph.input)
    slim.graph.output.extend(model.graph.output)
    slim.graph.node.extend(model.graph.node)
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims, dtype=np.int64) <= _SMALL:
            slim.graph.initializer.append(tensor)
        else:
            entry = helper.make_tensor_value_info(
                tensor.name, tensor.data_type, tensor.dims
            )
            slim.graph.input.append(entry)
    return slim


def _shape(entry: onnx.ValueInfoProto) -> Shape:
    dims = entry.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
