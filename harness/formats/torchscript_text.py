"""TorchScript's own text: which calls take a value, and as which argument."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\w.]+|[()\[\],\n]')
_ALIAS = re.compile(r"^ +(\w{1,200}) = (self\.\w{1,200})$", re.MULTILINE)
_LIST = re.compile(r"_flat_weights\d*$")
# An attribute of a scripted module, or the argument after the momentum of a traced one.
_EPSILON = re.compile(
    r"^  eps : Final\[float\] = ([\d.e+-]{1,40})$"
    r"|, (?:True|False), [\d.e+-]{1,40}, ([\d.e+-]{1,40}), (?:True|False)\)$",
    re.MULTILINE,
)
_DEEP = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """A value's place in a call.

    Attributes:
        value: As the text names it: "CONSTANTS.c0", "self.weight".
        operator: What is called: "conv2d"; "" where a list of gates is put together.
        position: Which argument it is.
        index: Which item of a list it is.
    """

    value: str
    operator: str
    position: int
    index: int


@dataclass(slots=True)
class _Frame:
    called: str
    position: int = 0


def class_text(code: Mapping[str, str], name: str) -> str:
    """The text of one class.

    Args:
        code: Entry of the archive -> its text.
        name: As pickles write it: ``__torch__.package.module.Class``.

    Returns:
        "" where it is not there.
    """
    module, _, kind = name.rpartition(".")
    ending = f"code/{module.replace('.', '/')}.py"
    text = next((t for entry, t in code.items() if entry.endswith(ending)), "")
    start = text.find(f"class {kind}(")
    end = text.find("\nclass ", start + 1)
    return text[start : end if end >= 0 else None] if start >= 0 else ""


def epsilon_in(text: str) -> float | None:
    """What a class of a normalisation adds to the variance; None where unsaid."""
    found = _EPSILON.search(text)
    try:
        return float(found[1] or found[2]) if found else None
    except ValueError:
        return None


def taken(text: str) -> Iterator[Taken]:
    """Constants and attributes of ``self`` in the arguments of calls, in order."""
    aliases = dict(_ALIAS.findall(text))
    stack: list[_Frame] = []
    word = ""
    for found in _TOKEN.findall(text):
        if found in "([":
            if len(stack) < _DEEP:
                stack.append(_Frame(word if found == "(" else f"[{word}"))
        elif found in ")]":
            del stack[-1:]
        elif found == "," and stack:
            stack[-1].position += 1
        elif stack and (value := _value(found, aliases)):
            yield from _places(value, stack)
        # A name stands before its call, and before the "=" of its list.
        word = found


def _value(token: str, aliases: Mapping[str, str]) -> str:
    if token.startswith(("CONSTANTS.", "self.")):
        return token
    return aliases.get(token, "")


def _places(value: str, stack: list[_Frame]) -> Iterator[Taken]:
    inner = stack[-1]
    if not inner.called.startswith("["):
        yield Taken(value, _operator(inner.called), inner.position, 0)
    elif len(stack) > 1 and not stack[-2].called.startswith("["):
        outer = stack[-2]
        yield Taken(value, _operator(outer.called), outer.position, inner.position)
    elif _LIST.search(inner.called):
        yield Taken(value, "", 0, inner.position)


def _operator(called: str) -> str:
    return called.rpartition(".")[2]
