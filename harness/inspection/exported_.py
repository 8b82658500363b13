"""Facts of an exported PyTorch program (``.pt2``): a graph as JSON, weights beside it.

Its schema: torch/_export/serde/schema.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from harness.core.archives import open_archive, read_entry
from harness.core.protocols import TensorSpec
from harness.formats.exported_program import DTYPES, program_in
from harness.formats.malformed import Malformed
from harness.formats.pickle_imports import MAX_PICKLE, pickle_notes
from harness.formats.pickle_machine import PickleMachine
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

# How sympy writes a free length.
_SYMBOL = re.compile(r"Symbol\('(\w+)'")
_WEIGHTS = frozenset({"parameter", "buffer"})
_OWN = frozenset({"aten", "higher_order", "prims", "quantized", "quantized_decomposed"})


def inspect_exported(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.pt2`` archive.

    Raises:
        Malformed: Its graph is missing, or no such JSON.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        program = program_in(archive)
        notes = tuple(_pickles(archive))
    try:
        return _facts(program, notes, facts)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise Malformed(
            f"its graph is of no schema that is known: {error!r}"
        ) from error


def _facts(program: Any, notes: tuple[str, ...], facts: ModelFacts) -> ModelFacts:
    module = program["graph_module"]
    values = module["graph"]["tensor_values"]
    kinds = [next(iter(spec.items())) for spec in module["signature"]["input_specs"]]
    answers = [next(iter(spec.items())) for spec in module["signature"]["output_specs"]]
    weights = Weights()
    for kind, spec in kinds:
        if kind in _WEIGHTS:
            held = _spec(spec["arg"]["name"], values)
            lengths = [n if isinstance(n, int) else 0 for n in held.shape or ()]
            weights.add(held.dtype, lengths, is_parameter=held.dtype != "int64")
    operators = counted(map(_operator, module["graph"]["nodes"]))
    version = program.get("schema_version") or {}
    torch = program.get("torch_version")
    opsets = program.get("opset_version") or {}
    return replace(
        facts,
        producer=f"torch {torch}" if torch else None,
        version=f"schema {version.get('major')}.{version.get('minor')}",
        opset_imports={str(k): int(v) for k, v in sorted(opsets.items())},
        inputs=tuple(_ends(kinds, "user_input", values)),
        outputs=tuple(_ends(answers, "user_output", values)),
        operators=operators,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=(*_custom(module["graph"]["nodes"]), *notes),
        portability=traps_in(operators),
    )


def _ends(
    specs: list[tuple[str, Any]], kind: str, values: Mapping[str, Any]
) -> Iterator[TensorSpec]:
    for found, spec in specs:
        argument = spec["arg"].get("as_tensor") if found == kind else None
        if argument:
            yield _spec(argument["name"], values)


def _spec(name: str, values: Mapping[str, Any]) -> TensorSpec:
    value = values[name]
    shape = tuple(map(_length, value["sizes"]))
    return TensorSpec(name, DTYPES.get(value["dtype"], "unknown"), shape)


def _length(size: Mapping[str, Any]) -> int | str | None:
    if "as_int" in size:
        return int(size["as_int"])
    text = size.get("as_expr", {}).get("expr_str")
    symbol = _SYMBOL.match(str(text))
    return (symbol[1] if symbol else str(text)) if text else None


def _operator(node: Mapping[str, Any]) -> str:
    """``torch.ops.aten.conv2d.default`` -> conv2d; others keep their namespace."""
    parts = str(node["target"]).removeprefix("torch.ops.").split(".")
    return parts[1] if parts[0] == "aten" and len(parts) > 1 else "::".join(parts[:2])


def _custom(nodes: list[Mapping[str, Any]]) -> Iterator[str]:
    targets = sorted({str(node["target"]) for node in nodes})
    custom = [t for t in targets if t.startswith("torch.ops.")]
    for target in custom:
        namespace = target.split(".")[2]
        if namespace not in _OWN:
            yield f"the custom operator {target} needs a library that registers it"


def _pickles(archive: zipfile.ZipFile) -> Iterator[str]:
    """Pickles inside of pickles' archives: sample inputs, constants."""
    for name in sorted(archive.namelist()):
        if not name.endswith(".pt"):
            continue
        inner = read_entry(archive, name, MAX_PICKLE)
        try:
            with ZipFile(BytesIO(inner or b"")) as nested:
                entry = min(n for n in nested.namelist() if n.endswith("data.pkl"))
                machine = PickleMachine(read_entry(nested, entry, MAX_PICKLE) or b"")
        except (BadZipFile, ValueError) as error:
            yield f"{name} is a pickle that cannot be read: {error}"
        else:
            yield from pickle_notes(machine.imports, name)
