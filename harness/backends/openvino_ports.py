"""Inputs and outputs of an OpenVINO model: one name each, out of none or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# OpenVINO's element types that numpy has, under numpy's names. What numpy lacks
# (bf16, f8, 1 and 4 bits) comes as an array of another type, its bits to be guessed.
_DTYPES = {
    **{f"f{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    "boolean": "bool",
    "string": "str",
}


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output.

    Attributes:
        name: That it goes by here.
        others: Its other names, as one text; empty for none.
        spec: As sessions tell it.
    """

    name: str
    others: str
    spec: TensorSpec


def ports(found: Iterable[Any], noun: str, path: Path) -> list[Port]:
    """Ports in the model's order, each under a name of its own.

    Args:
        found: The runtime's ports.
        noun: "input" or "output"; names those that have no name of their own.
        path: Of the model, for messages.

    Raises:
        ModelLoadError: A port's numbers are of a type that numpy does not have.
    """
    named: list[Port] = []
    for index, port in enumerate(found):
        # The runtime keeps names in a set; the order must not depend on its hashing.
        names = sorted(port.get_names(), key=lambda name: (len(name), name))
        taken = {port.name for port in named}
        # A tensor that is answered twice bears the same names twice.
        name = next((name for name in names if name not in taken), f"{noun}_{index}")
        spec = TensorSpec(name, _dtype(port, f"{path}: {noun} {name!r}"), _shape(port))
        others = ", ".join(other for other in names if other != name)
        named.append(Port(name, others, spec))
    return named


def _dtype(port: Any, where: str) -> str:
    found = port.get_element_type().get_type_name()
    if found not in _DTYPES:
        raise ModelLoadError(
            f"{where} is of type {found}, which numpy does not have",
            hint="convert the model with a float32 or integer type there"
            " (openvino.preprocess.PrePostProcessor)",
        )
    return _DTYPES[found]


def _shape(port: Any) -> tuple[int | None, ...] | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(None if size.is_dynamic else size.get_length() for size in shape)
