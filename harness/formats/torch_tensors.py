"""Tensors in a pickle of PyTorch, found without unpickling it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.formats.pickle_machine import Global, Made

if TYPE_CHECKING:
    from collections.abc import Iterator

_REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_qtensor")
DTYPES = {
    "BFloat16Storage": "bfloat16",
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "QInt32Storage": "int32",
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "ShortStorage": "int16",
}


def tensors_in(value: object) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Path, dtype and shape of each tensor, once; ``model.conv.weight``."""
    waiting: list[tuple[str, object]] = [("", value)]
    seen = set()
    while waiting:
        path, found = waiting.pop()
        if not isinstance(found, Made) or id(found) in seen:
            continue
        seen.add(id(found))
        if (tensor := _tensor(found)) is not None:
            yield (path, *tensor)
        else:
            waiting.extend(reversed(list(_parts(path, found))))


def is_quantized(value: object) -> bool:
    """Whether a tensor in it has a scale."""
    waiting, seen = [value], set()
    while waiting:
        found = waiting.pop()
        if not isinstance(found, Made) or id(found) in seen:
            continue
        seen.add(id(found))
        if maker_of(found).endswith("_rebuild_qtensor"):
            return True
        waiting.extend(part for _, part in _parts("", found))
    return False


def _parts(path: str, made: Made) -> Iterator[tuple[str, Any]]:
    for key, value in made.pairs:
        yield f"{path}.{key}".lstrip("."), value
    # A module's state is a dict; a parameter's first argument is its tensor.
    for value in (made.state, *made.args):
        yield path, value


def maker_of(made: object) -> str:
    """Name of what a pickle would call for this; "" for a plain container."""
    if isinstance(made, Made) and isinstance(made.maker, Global):
        return made.maker.name
    return ""


def _tensor(made: Made) -> tuple[str, tuple[int, ...]] | None:
    if maker_of(made).rpartition(".")[2] not in _REBUILDERS or len(made.args) < 3:
        return None
    storage, _, size = made.args[:3]
    lengths = size.args if isinstance(size, Made) else []
    shape = tuple(n for n in lengths if isinstance(n, int))
    kinds = storage.args if isinstance(storage, Made) else []
    names = [kind.name for kind in kinds if isinstance(kind, Global)]
    return DTYPES.get(
        names[0].rpartition(".")[2], "unknown"
    ) if names else "unknown", shape
