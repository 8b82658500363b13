"""What a form of model file is: how it is told, what runs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.backends.forms.look import Look


class Evidence(IntEnum):
    """How sure a recogniser is; the surer one is asked first."""

    MAGIC = 0
    """A number at a fixed place, or a file of a fixed name in a folder."""
    STRUCTURE = 1
    """Entries of an archive, fields of a message, the first element of a text."""
    LIKENESS = 2
    """Nothing but numbers that make sense."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of model file.

    Attributes:
        name: Its short name ("onnx"), the same everywhere in the product.
        title: What such a file is, with its article, for messages.
        suffixes: Which it goes by, in lower case with the dot, the usual one first.
        evidence: Of the recogniser.
        recognise: Whether a look at a file or folder shows this form. It raises
            nothing.
        backend: Name of the backend that runs it; None where none does.
        reason: Why no backend runs it, and what to do instead, as a hint.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    evidence: Evidence
    recognise: Callable[[Look], bool]
    backend: str | None = None
    reason: str = ""
