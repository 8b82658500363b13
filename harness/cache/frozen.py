"""States of metrics as bytes, and back: between processes, machines and days.

Nothing is unpickled. A frozen state is JSON and numpy arrays; thawing sets attributes
of classes that are named in it, of packages that the caller allows, and runs no code of
theirs.
"""

from __future__ import annotations

import importlib
import io
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from functools import lru_cache, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from harness.core.errors import HarnessError, ReportError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from harness.core.protocols import Array

T = TypeVar("T")

_MAGIC = b"MQH1"
_SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_MAPPINGS = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict}
_FACTORIES = {"list": list, "int": int, "float": float, "dict": dict, "set": set}
_CODE = (type, FunctionType, BuiltinFunctionType, MethodType, partial, np.ufunc)
_BROKEN = (
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
    *(ImportError, OverflowError, SyntaxError, MemoryError),
)
_HINT = "it was written by another version, or has been damaged: remove it"


def freeze(state: object) -> bytes:
    """A state as bytes.

    Raises:
        TypeError: It holds a function, or an array of Python objects.
    """
    writer = _Writer()
    tree = json.dumps(writer.tree(state), allow_nan=False).encode()
    return b"".join((_MAGIC, len(tree).to_bytes(8, "little"), tree, *writer.arrays))


def thaw(frozen: bytes, kind: type[T], packages: Collection[str] = ("harness",)) -> T:
    """The state that was frozen.

    Args:
        frozen: What `freeze` made.
        kind: What it is a state of.
        packages: Top-level packages whose classes may be in it.

    Raises:
        ReportError: The bytes are not a state of such an object.
    """
    try:
        if frozen[:4] != _MAGIC:
            raise ValueError("it begins otherwise")
        end = 12 + int.from_bytes(frozen[4:12], "little")
        if end > len(frozen):
            raise ValueError("it ends early")
        reader = _Reader(frozen, end, packages)
        state = reader.value(json.loads(frozen[12:end]))
        if reader.end != len(frozen):
            raise ValueError("it ends elsewhere")
        if not isinstance(state, kind):
            raise ValueError(f"it is a {type(state).__name__}")
    except _BROKEN as bad:
        raise ReportError(
            f"a frozen {kind.__name__} cannot be read: {bad}", hint=_HINT
        ) from bad
    return state


class _Writer:
    """Makes the tree; arrays lie behind it, one after the other."""

    def __init__(self) -> None:
        self.arrays: list[bytes] = []
        self._seen: dict[int, int] = {}
        # Ids are those of living objects alone.
        self._alive: list[object] = []

    def tree(self, value: object) -> object:
        """JSON of a value."""
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"f": str(value)}
        for kinds, name in _KINDS:
            if isinstance(value, kinds):
                return getattr(self, f"_write_{name}")(value)
        if isinstance(value, _CODE):
            raise TypeError(f"{value!r} cannot be frozen")
        return self._once(value, self._object)

    def _once(self, value: object, write: Callable[[Any], dict[str, Any]]) -> object:
        """Written once; what is held twice stays one thing."""
        if id(value) in self._seen:
            return {"&": self._seen[id(value)]}
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        return write(value)

    def _any_array(self, array: Array) -> dict[str, Any]:
        """Text is an array of Python's strings where its words differ in length."""
        if array.dtype == object and all(isinstance(x, str) for x in array.flat):
            return {"t": array.ravel().tolist(), "h": array.shape}
        return self._array(array)

    def _array(self, array: Array) -> dict[str, Any]:
        if array.dtype.hasobject:
            raise TypeError("an array of Python objects cannot be frozen")
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.asarray(array), (1, 0), allow_pickle=False)
        self.arrays.append(buffer.getvalue())
        return {"a": len(self.arrays[-1])}

    def _write_sequence(
        self, value: list[object] | tuple[object, ...]
    ) -> dict[str, Any]:
        if hasattr(value, "_fields"):
            return self._object(value)
        kind = "list" if isinstance(value, list) else "tuple"
        return {"l": [*map(self.tree, value)], "k": kind}

    def _write_set(self, value: set[Any] | frozenset[Any]) -> dict[str, Any]:
        # Their order differs from process to process.
        kind = "set" if isinstance(value, set) else "frozenset"
        return {"l": [*map(self.tree, sorted(value, key=repr))], "k": kind}

    def _write_mapping(self, value: dict[object, object]) -> dict[str, Any]:
        pairs = [[self.tree(key), self.tree(one)] for key, one in value.items()]
        found: dict[str, Any] = {"d": pairs, "k": type(value).__name__}
        if isinstance(value, defaultdict):
            found["v"] = getattr(value.default_factory, "__name__", None)
        return found

    def _write_error(self, error: HarnessError) -> dict[str, Any]:
        return {"e": [_name(type(error)), error.message, error.hint]}

    def _write_array(self, value: Array) -> object:
        return self._once(value, self._any_array)

    def _write_scalar(self, value: np.generic) -> dict[str, Any]:
        return {"n": self._array(np.asarray(value))["a"]}

    def _write_deque(self, value: deque[object]) -> dict[str, Any]:
        return {"q": [*map(self.tree, value)], "m": value.maxlen}

    def _write_slice(self, value: slice) -> dict[str, Any]:
        return {"s": [value.start, value.stop, value.step]}

    def _write_dtype(self, value: np.dtype[Any]) -> dict[str, Any]:
        return {"y": value.str}

    def _write_path(self, value: Path) -> dict[str, Any]:
        return {"p": str(value)}

    def _object(self, value: object) -> dict[str, Any]:
        fields = {name: self.tree(one) for name, one in attributes(value).items()}
        return {"o": _name(type(value)), "v": fields}


class _Reader:
    """Reads a tree, in the order in which it was written."""

    def __init__(self, frozen: bytes, start: int, packages: Collection[str]) -> None:
        self._bytes = frozen
        self._at = start
        self._packages = packages
        self._seen: list[object] = []

    @property
    def end(self) -> int:
        """Where what was read so far ends."""
        return self._at

    def value(self, tree: Any) -> Any:
        """The value of a piece of the tree."""
        if not isinstance(tree, dict):
            return tree
        (tag, *_) = tree
        return getattr(self, f"_read_{_TAGS[tag]}")(tree)

    def _read_float(self, tree: Mapping[str, Any]) -> float:
        return float(tree["f"])

    def _read_again(self, tree: Mapping[str, Any]) -> object:
        return self._seen[tree["&"]]

    def _read_array(self, tree: Mapping[str, Any]) -> Array:
        array = self._array(tree["a"])
        self._seen.append(array)
        return array

    def _read_text(self, tree: Mapping[str, Any]) -> Array:
        array = np.array(tree["t"], object).reshape(tree["h"])
        self._seen.append(array)
        return array

    def _read_scalar(self, tree: Mapping[str, Any]) -> object:
        return self._array(tree["n"])[()]

    def _read_sequence(self, tree: Mapping[str, Any]) -> object:
        return _SEQUENCES[tree["k"]](map(self.value, tree["l"]))

    def _read_deque(self, tree: Mapping[str, Any]) -> object:
        return deque(map(self.value, tree["q"]), tree["m"])

    def _read_mapping(self, tree: Mapping[str, Any]) -> object:
        pairs = [(self.value(key), self.value(one)) for key, one in tree["d"]]
        if tree["k"] == "defaultdict":
            return defaultdict(_FACTORIES[tree["v"]], pairs)
        kind: Any = _MAPPINGS[tree["k"]]
        return kind(dict(pairs))

    def _read_slice(self, tree: Mapping[str, Any]) -> slice:
        return slice(*tree["s"])

    def _read_dtype(self, tree: Mapping[str, Any]) -> object:
        return np.dtype(tree["y"])

    def _read_path(self, tree: Mapping[str, Any]) -> Path:
        return Path(tree["p"])

    def _read_error(self, tree: Mapping[str, Any]) -> HarnessError:
        name, message, hint = tree["e"]
        kind = self._class(name)
        if not issubclass(kind, HarnessError):
            raise TypeError(f"{name} is no error of ours")
        return kind(message, hint=hint)

    def _read_object(self, tree: Mapping[str, Any]) -> object:
        kind = self._class(tree["o"])
        if issubclass(kind, tuple):
            return kind(*map(self.value, tree["v"].values()))
        made = kind.__new__(kind)
        self._seen.append(made)
        for name, one in tree["v"].items():
            # Frozen dataclasses are set as their own constructor sets them.
            object.__setattr__(made, name, self.value(one))
        return made

    def _array(self, size: int) -> Array:
        end = self._at + size
        array = _npy(memoryview(self._bytes)[self._at : end])
        self._at = end
        return array

    def _class(self, name: str) -> type:
        module = name.partition(":")[0]
        if module.partition(".")[0] not in self._packages:
            raise ValueError(f"{module} is not allowed in it")
        return _class_of(name)


@lru_cache(maxsize=256)
def _class_of(name: str) -> type:
    module, _, qualified = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    # A module of ours names what it has imported from others.
    if not isinstance(found, type) or found.__module__ != module:
        raise TypeError(f"{name} is no class of that module")
    return found


@lru_cache(maxsize=256)
def _header(frozen: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and dtype; the same few headers come again and again."""
    buffer = io.BytesIO(frozen)
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise ValueError("an array is of another version")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(buffer)
    return shape, fortran, dtype


def _npy(frozen: memoryview) -> Array:
    """An array as numpy writes it; no more memory is asked for than there are bytes."""
    end = 10 + int.from_bytes(frozen[8:10], "little")
    shape, fortran, dtype = _header(bytes(frozen[:end]))
    body = frozen[end:]
    if dtype.hasobject or min(shape, default=0) < 0:
        raise ValueError("an array holds Python objects, or has no shape")
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"an array of {dtype} {shape} has {len(body)} bytes")
    if not len(body):
        return np.empty(shape, dtype)
    flat = np.frombuffer(body, dtype).copy()
    return flat.reshape(shape, order="F" if fortran else "C")


_KINDS: tuple[tuple[Any, str], ...] = (
    (np.ndarray, "array"),
    (np.generic, "scalar"),
    (dict, "mapping"),
    (deque, "deque"),
    ((list, tuple), "sequence"),
    ((set, frozenset), "set"),
    (slice, "slice"),
    (np.dtype, "dtype"),
    (Path, "path"),
    (HarnessError, "error"),
)
_TAGS = {
    "f": "float",
    "&": "again",
    "a": "array",
    "t": "text",
    "n": "scalar",
    "l": "sequence",
    "q": "deque",
    "d": "mapping",
    "s": "slice",
    "y": "dtype",
    "p": "path",
    "e": "error",
    "o": "object",
}


def attributes(value: object) -> dict[str, object]:
    """What an object holds: attributes of its own and of its slots, by name.

    A class that keeps more than its state says so in ``__getstate__``.
    """
    own = type(value).__dict__.get("__getstate__")
    # Dataclasses with slots have one too; theirs is a list.
    if own is not None and isinstance(state := own(value), dict):
        return state
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    found: dict[str, object] = {}
    for kind in reversed(type(value).__mro__):
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    return found | getattr(value, "__dict__", {})


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"
