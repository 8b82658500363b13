"""Expressions over metadata columns: ``hour < 6 and city == "Bonn"``.

Read by Python's parser and evaluated by us, node by node: what is not in the table of
what is allowed is refused before any data is read. There are no calls, attributes,
subscripts or powers, and no name is anything but a column.
"""

from __future__ import annotations

import ast
import operator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, Arrays

_MOST_CHARACTERS = 1_000
_MOST_NODES = 200
_MOST_DEPTH = 20
_BIGGEST = 1 << 63

_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MEMBERSHIP = (ast.In, ast.NotIn)
_STRUCTURE = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub),
    *(ast.BinOp, ast.Compare, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List),
)
_ALLOWED = (*_STRUCTURE, *_ARITHMETIC, *_COMPARISONS, *_MEMBERSHIP)
_HINT = (
    "columns, numbers, texts, true or false in words of Python, == != < <= > >=, in,"
    " not in, and, or, not, + - * / // % and parentheses"
)


class Expression:
    """One condition on samples.

    Args:
        name: Of the slice, for messages.
        text: ``hour < 6 and city == "Bonn"``.

    Raises:
        SuiteError: It cannot be read, is too long, or holds what is not allowed.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        names = {n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name)}
        self.columns = tuple(sorted(names))

    def __getstate__(self) -> dict[str, object]:
        """Its text, which is read again."""
        return {k: v for k, v in self.__dict__.items() if k != "_tree"}

    @cached_property
    def _tree(self) -> ast.expr:
        """The condition, once it is sure that nothing else is in it."""
        text = self._text
        if len(text) > _MOST_CHARACTERS:
            self._refuse(f"longer than {_MOST_CHARACTERS:,} characters", 0)
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            at = getattr(error, "offset", None) or 1
            self._refuse(getattr(error, "msg", None) or str(error), at - 1)
        self._check(tree)
        return tree.body

    def mask(self, metadata: Arrays, n: int) -> Array:
        """Which samples it chooses, shape (n,) of bool.

        Args:
            metadata: Column -> values, shape (n,).
            n: Samples.

        Raises:
            SuiteError: A column is not there, or its values cannot be held against
                what the expression says.
        """
        for column in self.columns:
            if column not in metadata:
                have = ", ".join(sorted(metadata)) or "none"
                self._refuse(
                    f"no column {column!r} (columns: {have})", self._at(column)
                )
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(self._value(self._tree, metadata))
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            self._refuse(f"cannot be evaluated: {error}", 0)
        if found.dtype.kind != "b":
            self._refuse("is a value and no condition", 0)
        return np.broadcast_to(found, n)

    def _value(self, node: ast.AST, data: Arrays) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return _comparable(data[node.id])
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self._value(one, data) for one in node.elts]
        if isinstance(node, (ast.BoolOp, ast.UnaryOp)):
            return self._joined(node, data)
        if isinstance(node, ast.BinOp):
            left, right = (self._value(x, data) for x in (node.left, node.right))
            self._numeric(node, left, right)
            return _ARITHMETIC[type(node.op)](_real(left), _real(right))
        assert isinstance(node, ast.Compare)  # nothing else is allowed
        return self._compared(node, data)

    def _joined(self, node: ast.BoolOp | ast.UnaryOp, data: Arrays) -> Any:
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce([self._truth(one, data) for one in node.values])
        if isinstance(node.op, ast.Not):
            return np.logical_not(self._truth(node.operand, data))
        value = self._value(node.operand, data)
        self._numeric(node, value)
        return -_real(value)

    def _truth(self, node: ast.AST, data: Arrays) -> Any:
        found = np.asarray(self._value(node, data))
        if found.dtype.kind != "b":
            self._refuse("and, or, not join conditions, not values", _place(node))
        return found

    def _compared(self, node: ast.Compare, data: Arrays) -> Any:
        """``a < b < c`` is ``a < b and b < c``."""
        left = self._value(node.left, data)
        found: Any = True
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self._value(other, data)
            found = np.logical_and(found, self._held(node, op, left, right))
            left = right
        return found

    def _held(self, node: ast.AST, op: ast.AST, left: Any, right: Any) -> Any:
        if isinstance(op, _MEMBERSHIP):
            if not isinstance(right, list):
                self._refuse("in needs a list: in (1, 2)", _place(node))
            parts = [self._held(node, ast.Eq(), left, one) for one in right]
            inside = np.logical_or.reduce(parts) if parts else np.False_
            return inside if isinstance(op, ast.In) else np.logical_not(inside)
        if isinstance(left, list) or isinstance(right, list):
            self._refuse("a list stands behind in, and nowhere else", _place(node))
        if _is_text(left) != _is_text(right):
            self._refuse("a text is held against a number", _place(node))
        return _COMPARISONS[type(op)](left, right)

    def _numeric(self, node: ast.AST, *values: Any) -> None:
        if any(isinstance(x, list) or _is_text(x) for x in values):
            self._refuse("arithmetic needs numbers", _place(node))

    def _check(self, tree: ast.AST) -> None:
        nodes = list(ast.walk(tree))
        if len(nodes) > _MOST_NODES or _depth(tree) > _MOST_DEPTH:
            self._refuse("too long or too deep", 0)
        for node in nodes:
            if not isinstance(node, _ALLOWED):
                what = type(node).__name__.lower()
                self._refuse(f"{what} is not allowed", _place(node))
            if isinstance(node, ast.Constant) and not _is_plain(node.value):
                self._refuse(f"{node.value!r} is not allowed", _place(node))

    def _at(self, column: str) -> int:
        return max(0, self._text.find(column))

    def _refuse(self, problem: str, at: int) -> NoReturn:
        shown = self._text if len(self._text) <= 80 else f"{self._text[:77]}..."
        raise SuiteError(
            f"slice {self._name!r}, character {at + 1} of {shown!r}: {problem}",
            hint=f"a slice is made of {_HINT}",
        )


def _comparable(column: Array) -> Array:
    """Objects as text; whole numbers and floats as they are."""
    return column if column.dtype.kind in "biufU" else column.astype(str)


def _real(value: Any) -> Any:
    """Whole numbers as floats, which have no end and wrap around nowhere."""
    return np.asarray(value, np.float64)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or np.asarray(value).dtype.kind == "U"


def _is_plain(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < _BIGGEST
    return isinstance(value, (bool, float, str))


def _depth(tree: ast.AST) -> int:
    """Levels of a tree, by layers: a deep one must not recurse."""
    depth, layer = 0, [tree]
    while layer:
        layer = [child for node in layer for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _place(node: ast.AST) -> int:
    return int(getattr(node, "col_offset", 0))
