"""What an exported program's file asks to be run when it is loaded; runs nothing.

``torch.export.load`` evaluates expressions of sizes, resolves functions by name and
unpickles what is no plain tensor. A program that only computes needs little of that.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from harness.backends.parts import reading
from harness.backends.torch_files import entries, entry_names
from harness.core.errors import UnsafeModelError
from harness.formats.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_MAX_TEXT = 256 << 20
_MAX_EXPRESSION = 10_000
_COMPUTES = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed)\.\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.(associative_scan|cond|flex_attention|map_impl|scan"
    r"|while_loop|wrap_with_autocast|wrap_with_set_grad_enabled)"
    r"|(torch\.)?(sym_\w+|_sym_\w+)"
    r"|_operator\.(add|and_|eq|floordiv|ge|getitem|gt|invert|le|lt|mod|mul|ne|neg|not_"
    r"|or_|pos|pow|sub|truediv|xor)"
    r"|math\.(ceil|floor|sqrt|trunc)"
)
# The one operator of aten that reads, or makes, a file by name.
_FILE = re.compile(r"torch\.ops\.aten\.from_file\b")
_NAME = re.compile(r"[\w.]*")
# Names that end up inside of quotes in the program that is generated.
_QUOTED = re.compile(r"""[^"'\\\n\r]*""")
# Files of constants that are unpickled whatever they hold.
_OBJECTS = ("custom_obj_", "opaque_obj_")
# What PyTorch looks up in Python's modules, and calls.
_RESOLVED = ("torch", "_operator", "math", "#")
_NAMES = frozenset({"forward_arg_names", "name"})
_SYMBOL = re.compile(r"\bSymbol\('([A-Za-z]\w*)'(?:, \w+=(?:True|False))*\)")
_EXPRESSION = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call),
    *(ast.Name, ast.Constant, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    ast.expr_context,
)
# torch.utils._sympy.functions, and sympy's own that expressions of sizes are made of.
_FUNCTIONS = frozenset(
    {
        *(
            "Abs",
            "Add",
            "And",
            "CeilDiv",
            "CeilToInt",
            "CleanDiv",
            "Eq",
            "Equality",
            "Float",
            "FloatPow",
        ),
        *(
            "FloatTrueDiv",
            "FloorDiv",
            "FloorToInt",
            "Ge",
            "Gt",
            "Identity",
            "IntTrueDiv",
        ),
        *(
            "Integer",
            "IsNonOverlappingAndDenseIndicator",
            "LShift",
            "Le",
            "LessThan",
            "Lt",
            "Max",
        ),
        *(
            "Min",
            "Mod",
            "ModularIndexing",
            "Mul",
            "Ne",
            "Not",
            "Or",
            "Piecewise",
            "Pow",
        ),
        *(
            "PowByNatural",
            "PythonMod",
            "RShift",
            "Rational",
            "RoundDecimal",
            "RoundToInt",
            "StrictGreaterThan",
            "StrictLessThan",
        ),
        *(
            "ToFloat",
            "TruncToFloat",
            "TruncToInt",
            "Unequality",
            "Where",
            "ceiling",
            "floor",
            "sqrt",
        ),
    }
)


def refuse_code(path: Path, named: Collection[str]) -> None:
    """Let a program pass that only computes.

    Args:
        path: The ``.pt2`` file.
        named: Further operators that the suite allows, as "namespace::name".

    Raises:
        UnsafeModelError: It holds native code or pickled objects, calls a function
            that is not named, or hides code in an expression or a name.
        ModelLoadError: The archive is damaged, or its text is no JSON.
    """
    for name in entry_names(path):
        if "/data/aotinductor/" in f"/{name}":
            raise _refused(path, "holds native code, compiled for one machine")
        if name.rpartition("/")[2].startswith(_OBJECTS):
            raise _refused(path, f"holds a pickled object, {name}")
    for name, text in entries(path, ".json", _MAX_TEXT).items():
        with reading(path, "exported program"):
            content = parse_json(text, name)
        for key, value in _texts(content):
            _check(path, key, value, named)


def _texts(content: Any) -> Iterator[tuple[str, str]]:
    """Every text with the key that it stands under; without recursion."""
    left = [("", content)]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((key, item) for item in value)
        elif isinstance(value, str):
            yield key, value


def _check(path: Path, key: str, text: str, named: Collection[str]) -> None:
    if key in {"target", "as_operator"}:
        _check_function(path, text, named)
    elif key == "path_name" and text.startswith(_OBJECTS):
        raise _refused(path, f"holds a pickled object, {text[:80]}")
    elif not _is_plain(key, text):
        raise _refused(path, f"hides code in {key} {text[:80]!r}")


def _is_plain(key: str, text: str) -> bool:
    if key == "expr_str":
        return _is_arithmetic(text)
    if key in _NAMES:
        return _NAME.fullmatch(text) is not None
    if key.endswith("_name"):
        return _QUOTED.fullmatch(text) is not None
    # Source locations become comments of the generated code, a line each.
    return "\r" not in text


def _check_function(path: Path, text: str, named: Collection[str]) -> None:
    if _COMPUTES.fullmatch(text) and not _FILE.match(text):
        return
    # A parameter's or submodule's name is looked up, and calls nothing.
    if not text.startswith(_RESOLVED) and _QUOTED.fullmatch(text):
        return
    parts = text.split(".")
    operator = "::".join(parts[2:4]) if text.startswith("torch.ops.") else text
    if operator not in named:
        raise UnsafeModelError(
            f"{path}: the program calls {text[:80]}, which does not come with PyTorch"
            " or is not limited to numbers",
            hint="where you trust it, say options = { custom_ops ="
            f' ["{operator}"] }} in the variant',
        )


def _is_arithmetic(text: str) -> bool:
    """Whether an expression holds numbers, names, operators and known functions."""
    if len(text) > _MAX_EXPRESSION:
        return False
    try:
        # Symbol("s0", integer=True) is a name with what is known of it.
        plain = _SYMBOL.sub(r"\1", text.strip())
        nodes = [*ast.walk(ast.parse(plain, mode="eval"))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(node, _EXPRESSION) and _is_harmless(node) for node in nodes)


def _is_harmless(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, (int, float))
        case ast.Name(id=name):
            return not name.startswith("__")
        case ast.Call(func=function, keywords=keywords):
            known = isinstance(function, ast.Name) and function.id in _FUNCTIONS
            return known and not keywords
        case _:
            return True


def _refused(path: Path, what: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"{path} {what}",
        hint="export the program again with torch.export.save, without such parts",
    )
