"""Follows a TensorFlow graph from its answers back, and translates what they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.formats.malformed import Malformed
from harness.graphs.translate.tf_call import TfCall, TfValue
from harness.graphs.translate.tf_folding import FOLDED, folded
from harness.graphs.translate.tf_layers import LAYERS
from harness.graphs.translate.tf_maps import MAPS, REDUCTIONS
from harness.graphs.translate.tf_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.tf_graph import Port, TfBody, TfGraph, TfNode
    from harness.graphs.translate.tf_variables import Variables

_OPERATORS: Mapping[str, Callable[[TfCall], str | tuple[str, ...]]] = {
    **LAYERS,
    **MAPS,
    **REDUCTIONS,
    **SHAPES,
}
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
FEEDS = frozenset({"Placeholder", "PlaceholderWithDefault"})
_PASSING = frozenset({"Identity", "ReadVariableOp", "StopGradient", "PreventGradient"})
_HANDLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
_OWN = frozenset({"Const", "IdentityN", *FOLDED, *_CALLS, *FEEDS, *_PASSING, *_HANDLES})
# Operators whose answer has a last axis as long as their first operand's.
_KEEPING = frozenset({"AvgPool", "FusedBatchNorm", "FusedBatchNormV3", "MaxPool"})
# What may lie between SpaceToBatchND and BatchToSpaceND.
_BATCHED = frozenset({*MAPS, "BatchToSpaceND", "Conv2D", "DepthwiseConv2dNative"})


def is_known(op: str) -> bool:
    """Whether an operator is translated."""
    return op in _OPERATORS or op in _OWN


def needed(graph: TfGraph, body: TfBody, ports: Sequence[Port]) -> Iterator[TfNode]:
    """Nodes that some answers need, those of functions too."""
    for node in _ordered(body, ports):
        yield node
        if node.op in _CALLS:
            inner = _called(graph, node)
            yield from needed(graph, inner, inner.answers)


def _called(graph: TfGraph, node: TfNode) -> TfBody:
    found = graph.functions.get(node.function())
    if found is None:
        raise Malformed(f"{node.name!r} calls a function that is not there")
    return found


def _ordered(body: TfBody, ports: Sequence[Port]) -> list[TfNode]:
    """Nodes that some answers need, each after those that it reads."""
    done: dict[str, TfNode | None] = dict.fromkeys(body.arguments)
    open_: set[str] = set()
    waiting = [name for name, _ in reversed(ports)]
    while waiting:
        name = waiting[-1]
        if name in done:
            waiting.pop()
            continue
        if name not in body.nodes:
            raise Malformed(f"a node reads {name!r}, which is not there")
        node = body.nodes[name]
        missing = [k for k, _ in node.inputs if k not in done]
        if missing and name in open_:
            raise Malformed(f"node {name!r} reads what comes of itself")
        open_.add(name)
        waiting.extend(missing)
        if not missing:
            done[name] = node
            waiting.pop()
    return [node for node in done.values() if node is not None]


@dataclass(slots=True, eq=False)
class Walk:
    """Translates bodies, calls inside of calls.

    Attributes:
        e: Where nodes go.
        graph: The GraphDef.
        variables: What handles stand for.
    """

    e: Emitter
    graph: TfGraph
    variables: Variables

    def body(
        self, body: TfBody, given: Mapping[str, TfValue], ports: Sequence[Port]
    ) -> list[TfValue]:
        """Values of some answers of a body.

        Args:
            body: The graph, or a function.
            given: What is fed, or its arguments.
            ports: The answers.
        """
        values: dict[str, tuple[TfValue, ...]] = {k: (v,) for k, v in given.items()}
        for node in _ordered(body, ports):
            if node.name not in values:
                operands = [values[name][port] for name, port in node.inputs]
                values[node.name] = self._answers(node, operands)
        return [values[name][port] for name, port in ports]

    def _answers(self, node: TfNode, operands: list[TfValue]) -> tuple[TfValue, ...]:
        if node.op in _CALLS:
            return self._called(node, operands)
        if node.op == "IdentityN":
            return tuple(operands)
        # What is passed on unchanged needs no node.
        if node.op in _PASSING:
            return (operands[0],)
        return self._fixed(node, operands) or self._computed(node, operands)

    def _called(self, node: TfNode, operands: list[TfValue]) -> tuple[TfValue, ...]:
        inner = _called(self.graph, node)
        bound = self.variables.bound(node.function(), operands)
        given = dict(zip(inner.arguments, bound, strict=True))
        return tuple(self.body(inner, given, inner.answers))

    def _fixed(self, node: TfNode, operands: list[TfValue]) -> tuple[TfValue, ...]:
        """What the files fix; nothing where it is computed."""
        if node.op == "Const":
            return (TfValue(content=node.value(), label=node.name),)
        if node.op in _HANDLES:
            return (self.variables.handle(node),)
        content = folded(node.op, [operand.content for operand in operands])
        if content is not None:
            return (TfValue(content=content, label=node.name),)
        return ()

    def _computed(self, node: TfNode, operands: list[TfValue]) -> tuple[TfValue, ...]:
        call = TfCall(self.e, node, operands)
        if node.op not in _OPERATORS:
            raise call.refused("its operands are not fixed")
        with self.e.node(node.name):
            answers = _OPERATORS[node.op](call)
        names = (answers,) if isinstance(answers, str) else answers
        channels, dilations = _channels(call), _dilations(call)
        return tuple(TfValue(n, None, "", channels, dilations) for n in names)


def _dilations(call: TfCall) -> tuple[int, ...]:
    """Those of windows over an answer; see `TfValue`."""
    if call.node.op == "SpaceToBatchND":
        return call.numbers(1)
    if call.dilations and call.node.op not in _BATCHED:
        raise call.refused("space is kept in the batch before it")
    return () if call.node.op == "BatchToSpaceND" else call.dilations


def _channels(call: TfCall) -> int | None:
    """Length of the last axis of an answer, where that is easily told."""
    op, operands = call.node.op, call.operands
    if op in {"Conv2D", "MatMul"} and operands[1].content is not None:
        return int(operands[1].content.shape[-1])
    if op in MAPS or op in _KEEPING:
        known = [operand.channels for operand in operands if operand.channels]
        return max(known) if known else None
    if op == "DepthwiseConv2dNative":
        return int(np.prod(call.content(1).shape[2:]))
    if op == "Conv2DBackpropInput":
        return int(call.content(1).shape[2])
    return None
