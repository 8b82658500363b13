"""Pickles played through with tokens in place of objects; nothing is called.

Opcodes: https://docs.python.org/3/library/pickletools.html
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import IO, Any

from harness.formats.malformed import Malformed

_MAX_OPCODES = 5_000_000
_MARK = object()
# Opcode -> how many items it takes from the stack (None: all down to the mark), and
# what is done with them.
_TAKING: dict[str, tuple[int | None, str]] = {
    **dict.fromkeys(("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET"), (0, "_collect")),
    **dict.fromkeys(("FROZENSET", "LIST", "TUPLE"), (None, "_collect")),
    "EMPTY_TUPLE": (0, "_collect"),
    "TUPLE1": (1, "_collect"),
    "TUPLE2": (2, "_collect"),
    "TUPLE3": (3, "_collect"),
    "DICT": (None, "_dictionary"),
    "APPEND": (1, "_fill"),
    **dict.fromkeys(("ADDITEMS", "APPENDS"), (None, "_fill")),
    "SETITEM": (2, "_put"),
    "SETITEMS": (None, "_put"),
    **dict.fromkeys(("NEWOBJ", "REDUCE"), (2, "_make")),
    "NEWOBJ_EX": (3, "_make"),
    "OBJ": (None, "_make"),
    "BUILD": (1, "_build"),
    "STACK_GLOBAL": (2, "_named"),
    "BINPERSID": (1, "_kept_apart"),
    "POP": (1, "_drop"),
    "POP_MARK": (None, "_drop"),
    "DUP": (1, "_double"),
    "STOP": (1, "_finish"),
}
# Opcode -> what is done with the argument that it carries.
_CARRYING = {
    "GLOBAL": "_written",
    "INST": "_instance",
    **dict.fromkeys(("BINGET", "GET", "LONG_BINGET"), "_recall"),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE", "PUT"), "_store"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "_extension"),
}
_CONSTANTS = {"MARK": _MARK, "NEWFALSE": False, "NEWTRUE": True, "NONE": None}
_NO_EFFECT = frozenset({"FRAME", "PROTO", "READONLY_BUFFER"})


@dataclass(frozen=True, slots=True)
class Global:
    """What a pickle would import: ``module.name``."""

    name: str


@dataclass(slots=True, eq=False)
class Made:
    """What a pickle would make.

    Attributes:
        maker: What would be called; None for a plain container.
        args: Its arguments; the items of a container.
        pairs: Keys and values that would be put in.
        state: What would be handed to it afterwards.
    """

    maker: object
    args: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    state: object = None


class PickleMachine:
    """One pickle, played through.

    Args:
        pickle: Its bytes; a stream is left behind the pickle's end.

    Attributes:
        imports: Names of all that it would import.
        kept_apart: What it refers to outside of itself, in its order.
        result: What it would give.

    Raises:
        Malformed: It is cut short, no pickle, or out of all bounds.
    """

    def __init__(self, pickle: IO[bytes] | bytes) -> None:
        self.imports: set[str] = set()
        self.kept_apart: list[Any] = []
        self.result: object = None
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        try:
            for count, (op, argument, _) in enumerate(pickletools.genops(pickle)):
                if count == _MAX_OPCODES:
                    raise Malformed(f"a pickle has more than {_MAX_OPCODES:,} opcodes")
                self._step(op.name, argument)
        except (ValueError, LookupError, OverflowError) as error:
            raise Malformed(f"a pickle is cut short or damaged: {error}") from error

    def _step(self, name: str, argument: Any) -> None:
        if name in _TAKING:
            count, action = _TAKING[name]
            getattr(self, action)(self._take(count))
        elif name in _CARRYING:
            getattr(self, _CARRYING[name])(argument)
        elif name not in _NO_EFFECT:
            self._stack.append(_CONSTANTS.get(name, argument))

    def _take(self, count: int | None) -> list[Any]:
        stack = self._stack
        if count is None:
            places = range(len(stack) - 1, -1, -1)
            start = next((at for at in places if stack[at] is _MARK), -1) + 1
            floor = start - 1
        else:
            start = floor = len(stack) - count
        if floor < 0:
            raise Malformed("a pickle takes more than it has")
        items = stack[start:]
        del stack[floor:]
        return items

    def _collect(self, items: list[Any]) -> None:
        self._stack.append(Made(None, items))

    def _dictionary(self, items: list[Any]) -> None:
        self._stack.append(Made(None))
        self._put(items)

    def _fill(self, items: list[Any]) -> None:
        if isinstance(target := self._stack[-1], Made):
            target.args.extend(items)

    def _put(self, items: list[Any]) -> None:
        if isinstance(target := self._stack[-1], Made):
            target.pairs.extend(zip(items[::2], items[1::2], strict=True))

    def _make(self, items: list[Any]) -> None:
        maker, *args = items or [None]
        if args and isinstance(args[0], Made) and args[0].maker is None:
            args = args[0].args
        self._stack.append(Made(maker, list(args)))

    def _build(self, items: list[Any]) -> None:
        if isinstance(target := self._stack[-1], Made):
            target.state = items[0]

    def _named(self, items: list[Any]) -> None:
        known = all(isinstance(item, str) for item in items)
        self._import(".".join(items) if known else "a name that is computed")

    def _written(self, argument: str) -> None:
        self._import(".".join(argument.split(" ", 1)))

    def _instance(self, argument: str) -> None:
        args = self._take(None)
        self._written(argument)
        self._stack.append(Made(self._stack.pop(), args))

    def _extension(self, argument: int) -> None:
        self._import(f"copyreg extension {argument}")

    def _import(self, name: str) -> None:
        self.imports.add(name)
        self._stack.append(Global(name))

    def _kept_apart(self, items: list[Any]) -> None:
        self.kept_apart.append(items[0])
        self._stack.append(items[0])

    def _drop(self, _: list[Any]) -> None:
        """What was taken is gone."""

    def _double(self, items: list[Any]) -> None:
        self._stack += [*items, *items]

    def _store(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    def _recall(self, argument: int) -> None:
        self._stack.append(self._memo[argument])

    def _finish(self, items: list[Any]) -> None:
        (self.result,) = items
