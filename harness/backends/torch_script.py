"""TorchScript: modules compiled by ``torch.jit.trace`` and ``torch.jit.script``."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from harness.backends.parts import reading
from harness.backends.torch_files import entries
from harness.backends.torch_inputs import declared_inputs
from harness.backends.torch_modules import evaluating
from harness.backends.torch_values import ANY, TorchModel
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec
from harness.formats.nesting import CODE, check_nesting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from harness.backends.options import Options

_MAX_CODE = 64 << 20
# Namespaces of operators and of classes that come with PyTorch.
_OPERATORS = frozenset(
    {
        *("_quantized", "aten", "mkldnn", "mkldnn_prepacked", "onednn", "prepacked"),
        *("prim", "quantized", "sparse"),
    }
)
_CLASSES = frozenset({"quantized", "rnn", "sparse", "xnnpack"})
# PyTorch's own operators that read or write files.
_FILES = frozenset({"from_file", "load", "save"})

_NO_CODE = re.compile(
    r"""\#[^\n]* | \"{3}.*?\"{3} | '{3}.*?'{3} | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
    """,
    re.VERBOSE | re.DOTALL,
)
_DOT = re.compile(r"[\s\\]*\.[\s\\]*")
_OPS = re.compile(r"(?<![\w.])ops\b(?:\.(\w+)\.(\w+))?")
_TORCH = re.compile(r"(?<![\w.])torch\b(?:\.(\w+))?")
_CLASS = re.compile(r"\btorch\.classes\.(\w+)\.(\w+)")


def load_script(path: Path, options: Options) -> TorchModel:
    """A TorchScript module, in evaluation mode on the CPU.

    Raises:
        SuiteError: Option ``inputs`` does not fit the module.
        UnsafeModelError: Its code calls an operator that does not come with PyTorch,
            or reads or writes files, and ``custom_ops`` does not name it.
        ModelLoadError: It takes something else than tensors.
    """
    module = read_script(path, options)
    facts = {"form": "TorchScript", **evaluating(module)}
    arguments = module.forward.schema.arguments[1:]
    _refuse_other_types(path, arguments)
    tensors = [a for a in arguments if "Tensor" in str(a.type)]
    inputs = declared_inputs(
        options,
        [a.name for a in tensors if not a.has_default_value()],
        [a.name for a in tensors if a.has_default_value()],
        path,
    )
    return TorchModel(inputs, lambda feeds: module(**feeds), _outputs(module), facts)


def read_script(path: Path, options: Options) -> Any:
    """The module itself, once it is sure that loading it runs no foreign code.

    Raises:
        UnsafeModelError: Its code calls an operator that does not come with PyTorch,
            or reads or writes files, and ``custom_ops`` does not name it.
    """
    _refuse_operators(path, frozenset(options.names("custom_ops")))
    with _no_deprecation():
        return torch.jit.load(str(path), map_location="cpu")


def _refuse_operators(path: Path, named: Collection[str]) -> None:
    for name, code in entries(path, ".py", _MAX_CODE).items():
        text = code.decode(errors="replace")
        with reading(path, "TorchScript archive"):
            # The runtime's parser calls itself at each.
            check_nesting(text, CODE, name)
        for operator in _foreign(text):
            if operator not in named:
                raise UnsafeModelError(
                    f"{path}: its code calls {operator}, which does not come with"
                    " PyTorch or is not limited to numbers",
                    hint="where you trust it, say options = { custom_ops ="
                    f' ["{operator}"] }} in the variant',
                )


def _foreign(code: str) -> Iterator[str]:
    """Operators and classes in TorchScript code that need to be named.

    Strings and comments are taken out first, and space around dots, so that neither
    hides a call. A bare ``ops`` or ``torch`` could be called under another name.
    """
    code = _DOT.sub(".", _NO_CODE.sub("''", code))
    for space, name in _OPS.findall(code):
        if space not in _OPERATORS or name in _FILES:
            yield f"{space}::{name}" if space else "ops"
    for name in _TORCH.findall(code):
        if not name or name in _FILES:
            yield f"aten::{name}" if name else "torch"
    for space, name in _CLASS.findall(code):
        if space not in _CLASSES:
            yield f"{space}::{name}"


def _refuse_other_types(path: Path, arguments: Any) -> None:
    for argument in arguments:
        kind = str(argument.type)
        if kind in {"Tensor", "Optional[Tensor]"} or argument.has_default_value():
            continue
        raise ModelLoadError(
            f"{path}: forward takes {argument.name!r}, a {kind}",
            hint="export a module whose forward takes tensors alone",
        )


def _outputs(module: Any) -> tuple[TensorSpec, ...] | None:
    """Names of the outputs where the type of the answer tells them."""
    kind = str(module.forward.schema.returns[0].type)
    if kind == "Tensor":
        return (TensorSpec("output", ANY, None),)
    if re.fullmatch(r"\(Tensor(, Tensor)*\)", kind):
        names = (f"output_{i}" for i in range(kind.count("Tensor")))
        return tuple(TensorSpec(name, ANY, None) for name in names)
    return None


@contextmanager
def _no_deprecation() -> Iterator[None]:
    """TorchScript is deprecated, and it is what people deploy: that is no news."""
    with warnings.catch_warnings():
        about = r"`torch\.jit\..*` is deprecated"
        warnings.filterwarnings("ignore", about, DeprecationWarning)
        yield
