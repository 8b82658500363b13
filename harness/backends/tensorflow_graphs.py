"""Tensors of a TensorFlow graph, found by the names that a suite gives them."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.backends.options import Options

_SHOWN = 5


def tensors_by_name(graph: Any, names: Iterable[str], path: Path) -> dict[str, Any]:
    """The graph's tensors under the names they were asked by ("image" is "image:0").

    Raises:
        SuiteError: There is no such tensor; the hint lists those of like names.
    """
    return {name: _tensor(graph, name, path) for name in names}


def named_tensors(
    graph: Any, request: Options, path: Path
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Tensors of the options ``inputs`` and ``outputs``; None where neither is given.

    Raises:
        SuiteError: One is given without the other, or names no tensor of the graph.
    """
    inputs, outputs = request.names("inputs"), request.names("outputs")
    if not inputs and not outputs:
        return None
    if not inputs or not outputs:
        raise SuiteError(
            f"{path}: of the options inputs = {inputs} and outputs = {outputs},"
            " one is missing",
            hint="name both: what is fed, and what is fetched",
        )
    sources = tensors_by_name(graph, inputs, path)
    return sources, tensors_by_name(graph, outputs, path)


def signature_tensors(
    graph: Any, signature: Any, path: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors of a SignatureDef, by the names it gives them, sorted.

    Raises:
        ModelLoadError: It takes or gives a sparse or composite tensor.
    """
    return _infos(graph, signature.inputs, path), _infos(graph, signature.outputs, path)


def choose_signature(
    signatures: Mapping[str, Any], request: Options, path: Path
) -> tuple[str, Any]:
    """The signature of that option, ``serving_default`` without it.

    Raises:
        SuiteError: The model has none of that name; the hint lists its own.
    """
    name = request.get("signature", str, "serving_default")
    # TensorFlow keeps its own errands, such as filling tables, among them.
    known = sorted(key for key in signatures if not key.startswith("__saved_model"))
    if name not in known:
        raise SuiteError(
            f"{path} has no signature {name!r}",
            hint=f"its signatures are: {', '.join(known) or 'none'};"
            ' say options = { signature = "..." }',
        )
    return name, signatures[name]


def _infos(graph: Any, infos: Mapping[str, Any], path: Path) -> dict[str, Any]:
    found = {}
    for name in sorted(infos):
        if infos[name].WhichOneof("encoding") != "name":
            raise ModelLoadError(
                f"{path}: {name!r} of the signature is a sparse or composite tensor",
                hint="export a signature of dense tensors",
            )
        found[name] = _tensor(graph, infos[name].name, path)
    return found


def _tensor(graph: Any, name: str, path: Path) -> Any:
    try:
        return graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
    except (KeyError, ValueError) as error:
        node = name.partition(":")[0]
        near = ", ".join(_like(node, [op.name for op in graph.get_operations()]))
        raise SuiteError(
            f"{path} has no tensor {name!r}",
            hint="name a node of the graph, or a tensor as <node>:<output>"
            + (f"; names like it: {near}" if near else ""),
        ) from error


def _like(name: str, known: list[str]) -> list[str]:
    """Names that hold the name, else names that are spelt like it."""
    lower = name.lower()
    holding = (other for other in known if lower in other.lower())
    return list(islice(holding, _SHOWN)) or get_close_matches(name, known, _SHOWN, 0.5)
