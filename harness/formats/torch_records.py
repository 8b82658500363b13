"""What a pickle of PyTorch says of its tensors: names, places and strides.

The functions that rebuild them: torch/_utils.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.formats.malformed import Malformed
from harness.formats.pickle_machine import Global, Made
from harness.formats.torch_tensors import DTYPES, maker_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_REBUILDERS = {
    "_rebuild_qtensor": 4,
    "_rebuild_tensor": 4,
    "_rebuild_tensor_v2": 4,
    "_rebuild_tensor_v3": 7,
}
# What only hands its first argument on.
_WRAPPERS = frozenset(
    {
        *("_rebuild_parameter", "_rebuild_parameter_with_state", "Parameter"),
        *("build_tensorlist", "restore_type_tag"),
    }
)
_DEEP = 8
# Of modules: dictionaries that are no part of the names, and second copies.
_TRANSPARENT = frozenset({"_buffers", "_modules", "_packed_params", "_parameters"})
_COPIES = frozenset({"_flat_weights"})
_CONTAINERS = ("__builtin__.", "builtins.", "collections.")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as its pickle describes it.

    Attributes:
        path: Its name, joined by dots.
        owner: Full name of the class of the module that holds it; None where it lies
            in a dictionary.
        dtype: Such as "float32" or "bfloat16"; "unknown" where it is not known.
        key: Name of its storage.
        offset: Elements of the storage before the first.
        shape: Its shape.
        strides: In elements.
        quantizer: What its integers mean; None for floats.
        refusal: Why it cannot be read ("is a sparse tensor"); "" where it can.
    """

    path: str
    owner: str | None
    dtype: str = "unknown"
    key: str = ""
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    quantizer: Quantizer | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Quantizer:
    """``float = (code - zero_point) scale``.

    Attributes:
        scale: One number, or a tensor of one an index of `axis`.
        zero_point: Likewise.
        axis: None for one scale.
    """

    scale: float | StoredTensor
    zero_point: int | StoredTensor
    axis: int | None


_Place: TypeAlias = tuple[str, str | None, object]


def stored_tensors(value: object) -> Iterator[StoredTensor]:
    """All tensors in a played pickle, in its order; tied ones by each name.

    Raises:
        Malformed: A tensor lacks a part.
    """
    waiting: list[_Place] = [("", None, value)]
    seen = set()
    while waiting:
        path, owner, found = waiting.pop()
        found = _unwrapped(found)
        if not isinstance(found, Made):
            continue
        if _is_rebuilt(found):
            yield _tensor(path, owner, found)
        elif id(found) not in seen:
            seen.add(id(found))
            waiting.extend(reversed(list(_parts(path, owner, found))))


def is_tensor(value: object) -> bool:
    """Whether a part of a played pickle is a tensor."""
    found = _unwrapped(value)
    return isinstance(found, Made) and _is_rebuilt(found)


def storage_of(reference: object) -> tuple[str, str, int]:
    """Key, dtype and elements of the storage that a pickle keeps apart.

    Raises:
        Malformed: It is none.
    """
    match reference:
        case Made(args=["storage", Global(name=kind), key, _, int(count), *_]):
            dtype = DTYPES.get(kind.rpartition(".")[2], "unknown")
            return str(key), dtype, count
    raise Malformed("its pickle refers to a storage without a type or a size")


def _parts(path: str, owner: str | None, made: Made) -> Iterator[_Place]:
    kind = maker_of(made)
    container = not kind or kind.startswith(_CONTAINERS)
    owner = owner if container else kind
    held = made if container or not isinstance(made.state, Made) else made.state
    for key, value in held.pairs or _pairs(held):
        if key not in _COPIES:
            yield _joined(path, key), owner, value
    if not held.pairs and not _pairs(held):
        yield from _unnamed(path, owner, held.args)


def _pairs(made: Made) -> list[tuple[Any, Any]]:
    """Of an OrderedDict that is made from a list, as Python 2 wrote it."""
    if not maker_of(made).endswith("OrderedDict"):
        return []
    items = [i for arg in made.args if isinstance(arg, Made) for i in arg.args]
    held = [i.args for i in items if isinstance(i, Made)]
    return [(pair[0], pair[1]) for pair in held if len(pair) == 2]


def _unnamed(path: str, owner: str | None, items: list[Any]) -> Iterator[_Place]:
    """Items of a list; packed weights are a quantized tensor and perhaps a bias."""
    packed = False
    for index, item in enumerate(items):
        found = _unwrapped(item)
        name: object = "bias" if packed and is_tensor(found) else index
        if isinstance(found, Made) and maker_of(found).endswith("_rebuild_qtensor"):
            name, packed = "weight", True
        nested = isinstance(found, Made) and not maker_of(found)
        yield path if nested and owner else _joined(path, name), owner, item


def _joined(path: str, key: object) -> str:
    kept = [part for part in str(key).split(".") if part not in _TRANSPARENT]
    return ".".join([*([path] if path else []), *kept])


def _unwrapped(value: object) -> object:
    for _ in range(_DEEP):
        if not (isinstance(value, Made) and value.args):
            break
        if maker_of(value).rpartition(".")[2] not in _WRAPPERS:
            break
        value = value.args[0]
    return value


def _is_rebuilt(made: Made) -> bool:
    return maker_of(made).rpartition(".")[2].startswith("_rebuild_")


def _tensor(path: str, owner: str | None, made: Made) -> StoredTensor:
    rebuilder = maker_of(made).rpartition(".")[2]
    if len(made.args) < _REBUILDERS.get(rebuilder, len(made.args) + 1):
        kind = rebuilder.removeprefix("_rebuild_").replace("_", " ")
        return StoredTensor(path, owner, refusal=f"is a {kind}")
    storage, offset, size, strides, *more = made.args
    key, dtype, _ = storage_of(storage)
    if rebuilder.endswith("_v3"):
        dtype = _named_dtype(more[2])
    if not isinstance(offset, int):
        raise Malformed(f"tensor {path!r} begins at {offset!r}")
    quantized = rebuilder == "_rebuild_qtensor"
    return StoredTensor(
        path,
        owner,
        dtype,
        key,
        offset + _view_offset(storage),
        _integers(path, size),
        _integers(path, strides),
        _quantizer(path, more[0]) if quantized and more else None,
        "is a negated view" if _is_negated(more) else "",
    )


def _is_negated(more: list[Any]) -> bool:
    flags = [f for f in more if isinstance(f, Made) and f.maker is None]
    return any(pair == ("neg", True) for f in flags for pair in f.pairs)


def _named_dtype(value: object) -> str:
    return value.name.removeprefix("torch.") if isinstance(value, Global) else "unknown"


def _view_offset(storage: Made) -> int:
    """Storages were views of others once: (key, offset, size) comes last."""
    match storage.args[5:]:
        case [Made(args=[_, int(offset), _])]:
            return offset
    return 0


def _integers(path: str, value: object) -> tuple[int, ...]:
    items = value.args if isinstance(value, Made) else [None]
    # torch.Size is made of one tuple.
    if maker_of(value).endswith("Size") and items and isinstance(items[0], Made):
        items = items[0].args
    if not all(isinstance(item, int) for item in items):
        raise Malformed(f"tensor {path!r} has a shape or strides that are no integers")
    return tuple(items)


def _quantizer(path: str, value: object) -> Quantizer:
    match value:
        case Made(args=[Global(), float(scale), int(zero_point)]):
            return Quantizer(scale, zero_point, None)
        case Made(args=[Global(), Made() as scales, Made() as zeros, int(axis)]):
            held = [_tensor(f"{path} (scale)", None, made) for made in (scales, zeros)]
            return Quantizer(held[0], held[1], axis)
    raise Malformed(f"tensor {path!r} is quantized in a way that is not known")
