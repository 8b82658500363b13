"""Frozen records to JSON values and back, by their field types.

A field goes by its own name, or by ``field(metadata={"json": name})``. JSON has no
NaN and no infinity: such a float is written as null, and a null where a float must be
is read as NaN.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from harness.core.errors import ReportError

T = TypeVar("T")


def to_json(value: object) -> Any:
    """A JSON value (dict, list, str, int, float, bool, None) of a record.

    Raises:
        TypeError: The record holds something that JSON cannot.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {_key(f): to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    raise TypeError(f"cannot write {type(value).__name__} as JSON: {value!r}")


def from_json(kind: type[T], value: object, where: str = "$") -> T:
    """The record of type `kind` that a JSON value describes.

    Unknown keys are ignored, so that an older reader reads a newer record.

    Raises:
        ReportError: A key is missing or a value has the wrong type; names the
            JSON path.
    """
    return cast("T", _decode(kind, value, where))


def _decode(hint: Any, value: object, where: str) -> Any:
    if hint is Any or hint is object:
        return value
    if is_dataclass(hint):
        return _decode_record(cast("type", hint), value, where)
    origin = get_origin(hint)
    if origin is Literal:
        return _expect(value in get_args(hint), value, hint, where)
    if origin in (Union, types.UnionType):
        return _decode_union(hint, value, where)
    if origin is tuple:
        return _decode_tuple(hint, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_mapping(hint, value, where)
    if hint is float:
        return _decode_float(value, where)
    if hint is int and isinstance(value, bool):
        return _expect(False, value, hint, where)
    return _expect(isinstance(value, hint), value, hint, where)


def _decode_float(value: object, where: str) -> float:
    if value is None:
        return math.nan
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    _expect(number, value, float, where)
    try:
        return float(cast("float", value))
    except OverflowError:  # JSON's integers have no end, floats have
        return cast("float", _expect(False, value, float, where))


def _decode_record(kind: type, value: object, where: str) -> Any:
    _expect(isinstance(value, Mapping), value, kind, where)
    found = cast("Mapping[str, object]", value)
    hints = _hints(kind)
    arguments = {}
    for field in fields(kind):
        key = _key(field)
        if key in found:
            at = f"{where}.{key}"
            arguments[field.name] = _decode(hints[field.name], found[key], at)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ReportError(
                f"{where} has no {key!r}",
                hint="the file is not a saved report, or it was cut short",
            )
    return kind(**arguments)


def _decode_union(hint: Any, value: object, where: str) -> Any:
    options = get_args(hint)
    if value is None and type(None) in options:
        return None
    error: ReportError | None = None
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, value, where)
        except ReportError as failure:
            error = failure
    raise cast("ReportError", error)


def _decode_tuple(hint: Any, value: object, where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, (list, tuple)), value, hint, where)
    items = cast("list[object]", value)
    kinds = get_args(hint)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(items)
    _expect(len(kinds) == len(items), value, hint, where)
    pairs = zip(kinds, items, strict=True)
    return tuple(_decode(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(pairs))


def _decode_mapping(hint: Any, value: object, where: str) -> dict[str, Any]:
    _expect(isinstance(value, Mapping), value, hint, where)
    _, kind = get_args(hint)
    found = cast("Mapping[str, object]", value)
    return {key: _decode(kind, item, f"{where}.{key}") for key, item in found.items()}


def _expect(holds: bool, value: object, hint: Any, where: str) -> object:
    if holds:
        return value
    shown = repr(value)
    raise ReportError(
        f"{where} holds {shown[:60]}, which is no {getattr(hint, '__name__', hint)}",
        hint="write the report again with harness run --json",
    )


def _key(field: Field[Any]) -> str:
    return str(field.metadata.get("json", field.name))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
