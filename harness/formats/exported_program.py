"""Exported programs of PyTorch (``.pt2``): a graph as JSON, and numbers beside it.

Their schema: torch/_export/serde/schema.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core.archives import read_entry
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator, Mapping

_MAX_GRAPH = 256 << 20
_GRAPHS = ("/models/model.json", "serialized_exported_program.json")
DTYPES = {
    **dict(
        enumerate(
            (
                *("unknown", "uint8", "int8", "int16", "int32", "int64", "float16"),
                *("float32", "float64", "complex32", "complex64", "complex128"),
                *("bool", "bfloat16"),
            )
        )
    ),
    **{
        28 + n: name
        for n, name in enumerate(
            (
                *("uint16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"),
                *("float8_e5m2fnuz", "float8_e8m0fnu", "uint32", "uint64"),
            )
        )
    },
}
"""Number of a ScalarType -> its name."""
_KINDS = {
    "buffer": "buffer_name",
    "parameter": "parameter_name",
    "tensor_constant": "tensor_constant_name",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One place where a node takes a value.

    Attributes:
        node: The node's number.
        operator: Such as "conv2d"; others than ATen's keep their namespace.
        argument: Name of the argument.
        index: Which item of a list it is, 0 where it stands alone.
    """

    node: int
    operator: str
    argument: str
    index: int


class Program:
    """The main graph, indexed by value.

    Args:
        program: As `program_in` gives it.

    Attributes:
        tensors: Value -> the name of the parameter, buffer or constant that it is.

    Raises:
        Malformed: It is of no schema that is known.
    """

    def __init__(self, program: Any) -> None:
        try:
            module = program["graph_module"]
            self._nodes: list[Any] = module["graph"]["nodes"]
            self.tensors = dict(_tensors(module["signature"]["input_specs"]))
            self._taken: dict[str, list[Taken]] = {}
            for number, node in enumerate(self._nodes):
                for value, place in _places(number, node):
                    self._taken.setdefault(value, []).append(place)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise Malformed(
                f"its graph is of no schema that is known: {error!r}"
            ) from error

    def taken(self, value: str) -> list[Taken]:
        """Where a value is taken."""
        return self._taken.get(value, [])

    def made(self, node: int) -> str:
        """The value that a node makes; "" where it makes several or none."""
        for output in self._nodes[node].get("outputs") or []:
            if isinstance(output, dict) and isinstance(held := _held(output), dict):
                return str(held.get("name", ""))
        return ""

    def argument(self, node: int, name: str) -> object:
        """What a node is given: a number or a text, or the name of a tensor."""
        for given in self._nodes[node]["inputs"]:
            if given["name"] == name:
                held = _held(given["arg"])
                return held.get("name") if isinstance(held, dict) else held
        return None


def program_in(archive: zipfile.ZipFile) -> Any:
    """The JSON of an archive's graph.

    Raises:
        Malformed: It is missing, too large or no JSON.
    """
    names = [name for name in archive.namelist() if name.endswith(_GRAPHS)]
    text = read_entry(archive, min(names, default=""), _MAX_GRAPH)
    if text is None:
        raise Malformed("its graph is missing, or is larger than 256 MiB")
    return parse_json(text, "its graph")


def _tensors(specs: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for spec in specs:
        kind, held = next(iter(spec.items()))
        if kind in _KINDS:
            yield str(held["arg"]["name"]), str(held[_KINDS[kind]])


def _places(number: int, node: Mapping[str, Any]) -> Iterator[tuple[str, Taken]]:
    """Values that a node takes; ``torch.ops.aten.conv2d.default`` is a conv2d."""
    parts = str(node["target"]).removeprefix("torch.ops.").split(".")
    own = parts[0] == "aten" and len(parts) > 1
    operator = parts[1] if own else ".".join(parts[:2])
    for given in node["inputs"]:
        held = _held(given["arg"])
        for index, item in enumerate(held if isinstance(held, list) else [held]):
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                place = Taken(number, operator, str(given["name"]), index)
                yield item["name"], place


def _held(argument: Mapping[str, Any]) -> Any:
    """An argument is a record of one entry, whose key says what it is."""
    return next(iter(argument.values()), None)
