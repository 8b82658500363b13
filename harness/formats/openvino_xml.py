"""OpenVINO's XML as layers: streamed, bounded, without document types or entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from pathlib import Path

_MAX_DEPTH = 64
_MAX_ELEMENTS = 5_000_000
_BLOCK = 1 << 20
_PORTS = frozenset({"input", "output"})
# "body" of a loop, "then_body" and "else_body" of a branch.
_BODY = "body"
# What an iteration of a loop hands the next one: no edges of the graph around it.
_BACK = "back_edges"
_DTYPES = {
    "bf16": "bfloat16",
    "boolean": "bool",
    "bool": "bool",
    "f8e4m3": "float8_e4m3fn",
    "f8e5m2": "float8_e5m2",
    "f8e8m0": "float8_e8m0fnu",
    "string": "str",
    **{f"f{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"fp{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"i{bits}": f"int{bits}" for bits in (4, 8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (4, 8, 16, 32, 64)},
}


def dtype_name(text: str) -> str:
    """The numpy name of an element type; the type's own where numpy has none."""
    return _DTYPES.get(text.lower(), text.lower() or "unknown")


def lengths_of(text: str) -> list[int]:
    """The lengths of a Const layer's shape."""
    parts = (part.strip() for part in text.split(","))
    return [int(part) for part in parts if part.isdecimal() and len(part) < 19]


@dataclass(slots=True)
class Port:
    """One input or output of a layer.

    Attributes:
        number: Its number among all ports of the layer.
        precision: Its element type ("FP32").
        names: Names of the tensor, joined by ",".
        lengths: Its shape; None where it is free.
    """

    number: str
    precision: str
    names: str
    lengths: list[int | None] = field(default_factory=list)


@dataclass(slots=True)
class Layer:
    """One layer, of the model or of a body inside of one.

    Attributes:
        name: Its name.
        type: Its operator.
        version: Operator set ("opset1").
        data: Its attributes.
        depth: 0 for the model's own, more for bodies of loops and branches.
        key: The graph that it belongs to (0 the model's own) and its number there.
        inputs: Its ports, in order.
        outputs: Likewise.
        answers: Of a Result: names of the output, joined by ",".
    """

    name: str
    type: str
    version: str
    depth: int
    key: tuple[int, str] = (0, "")
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    answers: str = ""

    @property
    def precision(self) -> str:
        """Of its first port."""
        return next((port.precision for port in self._ports), "")

    @property
    def port_name(self) -> str:
        """Tensor name of its first port."""
        return next((port.names for port in self._ports), "")

    @property
    def lengths(self) -> list[int | None]:
        """Shape of its first port."""
        return next((port.lengths for port in self._ports), [])

    @property
    def _ports(self) -> list[Port]:
        return [*self.inputs[:1], *self.outputs[:1]]


@dataclass(frozen=True, slots=True)
class Edge:
    """What one layer hands another.

    Attributes:
        source: Key of the layer that makes it.
        target: Key of the layer that takes it.
        port: Which input of the target it is.
        output: Number of the source's port.
    """

    source: tuple[int, str]
    target: tuple[int, str]
    port: int
    output: str = ""


class Network:
    """What an XML file holds.

    Attributes:
        version: Of the format.
        layers: All of them.
        edges: All of them, those of bodies too.
        facts: Values of ``rt_info``, name -> text.
        sections: Likewise, name -> what it stands in.

    Raises:
        Malformed: It is cut short, no XML of OpenVINO, or out of all bounds.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.version = ""
        self.layers: list[Layer] = []
        self.edges: list[Edge] = []
        self.facts: dict[str, str] = {}
        self.sections: dict[str, str] = {}
        self._path: list[str] = []
        self._open: list[Layer] = []
        # Each body numbers its layers anew.
        self._graphs = [0]
        self._n_graphs = 0
        self._port: Port | None = None
        self._n_elements = 0
        self._text = ""
        self._read(path)

    def _read(self, path: Path) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        try:
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    parser.Parse(block, False)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError) as error:
            raise Malformed(f"its XML is cut short or damaged: {error}") from error
        if not self.layers:
            raise Malformed("it has no layers")

    def _refuse_doctype(self, *_: object) -> None:
        raise OutOfBounds("it has a document type, which no model of OpenVINO has")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._n_elements += 1
        self._path.append(tag)
        if len(self._path) > _MAX_DEPTH or self._n_elements > _MAX_ELEMENTS:
            raise OutOfBounds("it is nested too deep, or has too many elements")
        if tag == "net" and not self.version:
            self.version = attributes.get("version", "")
        elif tag == "layer":
            self._layer(attributes)
        elif tag == "edge" and _BACK not in self._path:
            self._edge(attributes)
        elif tag.endswith(_BODY):
            self._n_graphs += 1
            self._graphs.append(self._n_graphs)
        elif "rt_info" in self._path and "value" in attributes and not self._open:
            name = attributes.get("name", tag)
            self.facts[name] = attributes["value"]
            self.sections[name] = self._path[-2]
        elif self._open:
            self._part(tag, attributes)

    def _layer(self, attributes: dict[str, str]) -> None:
        layer = Layer(
            name=attributes.get("name", ""),
            type=attributes.get("type", ""),
            version=attributes.get("version", ""),
            depth=len(self._open),
            key=(self._graphs[-1], attributes.get("id", "")),
            answers=attributes.get("output_names", ""),
        )
        self.layers.append(layer)
        self._open.append(layer)

    def _edge(self, attributes: dict[str, str]) -> None:
        ends = (attributes.get(end, "") for end in ("from-layer", "to-layer"))
        source, target = ((self._graphs[-1], end) for end in ends)
        port, output = attributes.get("to-port", "0"), attributes.get("from-port", "")
        self.edges.append(Edge(source, target, int(port), output))

    def _part(self, tag: str, attributes: dict[str, str]) -> None:
        layer = self._open[-1]
        self._text = ""
        if tag == "data":
            layer.data.update(attributes)
        elif tag == "port" and self._path[-2] in _PORTS:
            number, precision, names = (
                attributes.get(key, "") for key in ("id", "precision", "names")
            )
            self._port = Port(number, precision, names)
            ports = layer.inputs if self._path[-2] == "input" else layer.outputs
            ports.append(self._port)

    def _characters(self, text: str) -> None:
        if self._path[-1] == "dim":
            self._text += text[:32]

    def _end(self, tag: str) -> None:
        self._path.pop()
        if tag == "layer" and self._open:
            self._open.pop()
        elif tag == "port":
            self._port = None
        elif tag.endswith(_BODY):
            self._graphs.pop()
        elif tag == "dim" and self._port is not None:
            length = int(self._text.strip() or 0)
            self._port.lengths.append(None if length < 0 else length)
