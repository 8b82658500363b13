"""JSON Schema of the report, made from the records themselves."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin

from harness.core.findings import DriftReport
from harness.core.results import SCHEMA_VERSION, QualityReport
from harness.core.trends import Trend

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: dict[Any, str | list[str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    type(None): "null",
    float: ["number", "null"],
}


RECORDS: Mapping[str, type] = {
    "report": QualityReport,
    "diagnosis": DriftReport,
    "history": Trend,
}
"""What commands write with ``--json``: run and compare, diagnose, history."""


def report_schema(record: str = "report") -> dict[str, Any]:
    """The schema of what a command writes as JSON.

    Objects may hold more keys than are named: newer versions add some. A number that
    JSON cannot hold (NaN, infinity) is null.

    Args:
        record: One of `RECORDS`.
    """
    records: dict[str, Any] = {}
    kind = RECORDS[record]
    root = _of(kind, records)
    return {
        "$schema": DIALECT,
        "$id": f"urn:model-quality-harness:{record}:{SCHEMA_VERSION}",
        "title": kind.__name__,
        **root,
        "$defs": dict(sorted(records.items())),
    }


def _of(hint: Any, records: dict[str, Any]) -> dict[str, Any]:
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, records)
    if get_origin(hint) is not None:
        return _composed(hint, records)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    return {}


def _composed(hint: Any, records: dict[str, Any]) -> dict[str, Any]:
    origin, kinds = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(kinds)}
    if origin is tuple:
        return _array(kinds, records)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(kinds[1], records)}
    return {"anyOf": [_of(kind, records) for kind in kinds]}


def _array(kinds: tuple[Any, ...], records: dict[str, Any]) -> dict[str, Any]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return {"type": "array", "items": _of(kinds[0], records)}
    return {
        "type": "array",
        "prefixItems": [_of(kind, records) for kind in kinds],
        "minItems": len(kinds),
        "items": False,
    }


def _record(kind: type, records: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in records:
        records[name] = {}  # a record may hold itself
        hints = typing.get_type_hints(kind)
        told = {_key(f): f for f in fields(kind)}
        records[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "properties": {k: _of(hints[f.name], records) for k, f in told.items()},
            "required": [k for k, f in told.items() if _needed(f)],
        }
    return {"$ref": f"#/$defs/{name}"}


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _key(field: Field[Any]) -> str:
    return str(field.metadata.get("json", field.name))
