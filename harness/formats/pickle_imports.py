"""What pickles would do, told without unpickling them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PICKLE = 256 << 20
# What saved tensors are made of, and containers that only hold.
_HARMLESS_MODULES = frozenset({"collections", "torch._utils", "torch.storage"})
_HARMLESS = frozenset(
    {
        *(
            "__builtin__.set",
            "_codecs.encode",
            "builtins.bytearray",
            "builtins.complex",
            "builtins.set",
        ),
        *("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"),
        *("numpy.dtype", "numpy.ndarray", "torch.Size", "torch.Tensor", "torch.device"),
        *("torch.jit._pickle.restore_type_tag", "torch.jit._pickle.build_intlist"),
        *("torch.nn.parameter.Parameter", "torch.serialization._get_layout"),
    }
)
_TORCH_DTYPES = ("bfloat", "bool", "complex", "float", "int", "qint", "quint", "uint")
# Modules through which a pickle reaches the machine.
_DANGEROUS = frozenset(
    {
        *("__builtin__", "asyncio", "bdb", "builtins", "code", "ctypes", "functools"),
        *("importlib", "marshal", "nt", "operator", "os", "pickle", "posix", "pty"),
        *("runpy", "shutil", "socket", "subprocess", "sys", "timeit", "webbrowser"),
    }
)
_SHOWN = 8


def pickle_notes(imports: Iterable[str], what: str) -> tuple[str, ...]:
    """Lines of safety for a pickle; none where it holds plain numbers and tensors.

    Args:
        imports: All that it would import.
        what: Which pickle it is, for the message.
    """
    odd = sorted(name for name in set(imports) if not _is_harmless(name))
    if worst := dangerous(odd):
        return (f"{what} calls {_few(worst)} when it is unpickled: do not load it",)
    if odd:
        return (f"{what} imports {_few(odd)} when it is unpickled",)
    return ()


def dangerous(imports: Iterable[str]) -> list[str]:
    """Those of a pickle's imports that reach the machine, sorted."""
    odd = sorted(name for name in set(imports) if not _is_harmless(name))
    return [name for name in odd if name.partition(".")[0] in _DANGEROUS]


def _is_harmless(name: str) -> bool:
    module, _, kind = name.rpartition(".")
    if name in _HARMLESS or module in _HARMLESS_MODULES:
        return True
    dtype = kind.rstrip("0123456789") in _TORCH_DTYPES
    return module == "torch" and (dtype or kind.endswith("Storage"))


def _few(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
