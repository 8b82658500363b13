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


@dataclass(slots=True)
class Layer:
    """One layer, of the model or of a body inside of one.

    Attributes:
        name: Its name.
        type: Its operator.
        version: Operator set ("opset1").
        data: Its attributes.
        depth: 0 for the model's own, more for bodies of loops and branches.
        precision: Of its first port.
        port_name: Tensor name of its first port.
        lengths: Shape of its first port; None where it is free.
    """

    name: str
    type: str
    version: str
    depth: int
    data: dict[str, str] = field(default_factory=dict)
    precision: str = ""
    port_name: str = ""
    lengths: list[int | None] = field(default_factory=list)


class Network:
    """What an XML file holds.

    Attributes:
        version: Of the format.
        layers: All of them.
        facts: Values of ``rt_info``, name -> text.

    Raises:
        Malformed: It is cut short, no XML of OpenVINO, or out of all bounds.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.version = ""
        self.layers: list[Layer] = []
        self.facts: dict[str, str] = {}
        self._path: list[str] = []
        self._open: list[Layer] = []
        self._n_ports = 0
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
        elif "rt_info" in self._path and "value" in attributes and not self._open:
            self.facts[attributes.get("name", tag)] = attributes["value"]
        elif self._open:
            self._part(tag, attributes)

    def _layer(self, attributes: dict[str, str]) -> None:
        layer = Layer(
            name=attributes.get("name", ""),
            type=attributes.get("type", ""),
            version=attributes.get("version", ""),
            depth=len(self._open),
        )
        self.layers.append(layer)
        self._open.append(layer)
        self._n_ports = 0

    def _part(self, tag: str, attributes: dict[str, str]) -> None:
        layer = self._open[-1]
        self._text = ""
        if tag == "data":
            layer.data.update(attributes)
        elif tag == "port" and self._path[-2] in _PORTS:
            self._n_ports += 1
            if self._n_ports == 1:
                layer.precision = attributes.get("precision", "")
                layer.port_name = attributes.get("names", "")

    def _characters(self, text: str) -> None:
        if self._path[-1] == "dim":
            self._text += text[:32]

    def _end(self, tag: str) -> None:
        self._path.pop()
        if tag == "layer" and self._open:
            self._open.pop()
        elif tag == "dim" and self._open and self._n_ports == 1:
            length = int(self._text.strip() or 0)
            self._open[-1].lengths.append(None if length < 0 else length)
