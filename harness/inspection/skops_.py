"""Facts of skops archives and of plain pickles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.core.archives import open_archive, read_entry
from harness.formats.json_text import parse_json
from harness.formats.keras_config import mappings
from harness.formats.malformed import Malformed
from harness.formats.pickle_imports import MAX_PICKLE, pickle_notes
from harness.formats.pickle_machine import PickleMachine
from harness.inspection.tally import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_MAX_SCHEMA = 256 << 20
# Packages whose types skops trusts or knows how to check.
_TRUSTED = frozenset({"builtins", "collections", "numpy", "scipy", "sklearn"})
_ESTIMATORS = ("sklearn.",)
_FUNCTIONS = frozenset(
    {"FunctionNode", "MethodNode", "PartialNode", "OperatorFuncNode"}
)
_NOT_READ = "inputs, outputs and weights: they need scikit-learn"
_PICKLE = (
    "it is a pickle, which can run any code when it is loaded: save the model with"
    " skops, or convert it where you trust it"
)


def inspect_skops(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.skops`` archive.

    Raises:
        Malformed: Its schema is missing, or no such JSON.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        text = read_entry(archive, "schema.json", _MAX_SCHEMA)
    if text is None:
        raise Malformed("its schema.json is larger than 256 MiB")
    schema = parse_json(text, "schema.json")
    nodes = [node for node in mappings(schema) if "__class__" in node]
    version = schema.get("_skops_version") if isinstance(schema, dict) else None
    estimators = [n for n in nodes if str(n.get("__module__")).startswith(_ESTIMATORS)]
    return replace(
        facts,
        producer=f"skops {version}" if version else None,
        operators=counted(str(node["__class__"]) for node in estimators),
        safety=tuple(_notes(nodes)),
        not_read=(_NOT_READ,),
    )


def inspect_pickle(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a pickle: what it would import.

    Raises:
        Malformed: It is cut short, or larger than 256 MiB.
        OSError: It cannot be read.
    """
    if facts.size_bytes > MAX_PICKLE:
        return replace(facts, safety=(_PICKLE,), not_read=("all: it is too large",))
    machine = PickleMachine(path.read_bytes())
    return replace(
        facts,
        safety=(_PICKLE, *pickle_notes(machine.imports, "it")),
        not_read=("operators, inputs, outputs and weights: it would have to be run",),
    )


def _notes(nodes: list[Mapping[str, Any]]) -> list[str]:
    names = {f"{node.get('__module__')}.{node['__class__']}" for node in nodes}
    odd = sorted(n for n in names if n.partition(".")[0] not in _TRUSTED)
    called = sorted(
        {str(n["__class__"]) for n in nodes if n.get("__loader__") in _FUNCTIONS}
    )
    notes = []
    if odd:
        notes.append(f"types that skops does not trust by itself: {', '.join(odd[:8])}")
    if called:
        notes.append(f"functions that are looked up by name: {', '.join(called[:8])}")
    return notes
