"""An OpenVINO graph: what follows from constants alone, and who reads it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.openvino_xml import Edge, Layer, Network

Key: TypeAlias = tuple[int, str]
# Layers that hand on the order of their first input's numbers, or move them.
_KEEPING = frozenset({"Convert", "FakeQuantize", "Multiply", "Subtract"})
_MOVING = frozenset({"Broadcast", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


@dataclass(frozen=True, slots=True)
class Use:
    """An input that a constant ends in.

    Attributes:
        layer: Who reads it.
        port: As which input.
        moved: Whether its axes were reordered or joined on the way.
    """

    layer: Layer
    port: int
    moved: bool


class Graph:
    """Layers by their keys, and what they hand each other."""

    def __init__(self, network: Network) -> None:
        self.layers = {layer.key: layer for layer in network.layers}
        self._outgoing: dict[Key, list[Edge]] = defaultdict(list)
        self._incoming: dict[Key, dict[int, Key]] = defaultdict(dict)
        for edge in network.edges:
            if edge.source in self.layers and edge.target in self.layers:
                self._outgoing[edge.source].append(edge)
                self._incoming[edge.target][edge.port] = edge.source
        self._constant = self._constants()

    def input(self, key: Key, port: int) -> Layer | None:
        """The layer that makes an input."""
        source = self._incoming[key].get(port)
        return None if source is None else self.layers[source]

    def is_constant(self, layer: Layer | None) -> bool:
        """Whether a layer's numbers follow from constants alone."""
        return layer is not None and layer.key in self._constant

    def takers(self, key: Key) -> Iterator[tuple[Layer, int]]:
        """Who reads a layer, and as which input."""
        for edge in self._outgoing[key]:
            yield self.layers[edge.target], edge.port

    def uses(self, key: Key) -> Iterator[Use]:
        """Where a constant ends, seen through what follows from constants."""
        waiting = [(key, False)]
        seen = {key}
        for source, moved in waiting:
            for layer, port in self.takers(source):
                ranges = layer.type == "FakeQuantize" and port > 0
                if layer.key not in self._constant or ranges:
                    yield Use(layer, port, moved)
                elif layer.key not in seen:
                    seen.add(layer.key)
                    waiting.append((layer.key, moved or layer.type in _MOVING))

    def _constants(self) -> set[Key]:
        """Const layers, and those of whose inputs each is one of these."""
        found = [key for key, layer in self.layers.items() if layer.type == "Const"]
        left = {
            key: len(self._incoming[key])
            for key, layer in self.layers.items()
            if layer.type in _KEEPING | _MOVING
        }
        for key in found:
            for layer, port in self.takers(key):
                # A damaged file may fill one input twice.
                if self._incoming[layer.key][port] == key and layer.key in left:
                    left[layer.key] -= 1
                    if not left[layer.key]:
                        found.append(layer.key)
        return set(found)
