"""What a network's text says that OpenCV keeps to itself: inputs, and their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import TensorSpec

_MAX_TEXT = 16 << 20


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a network.

    Attributes:
        name: That it goes by.
        layer: That answers it.
        index: Among that layer's answers.
    """

    name: str
    layer: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """A network as its text tells it.

    Attributes:
        inputs: Specs; a shape may be None where the text leaves it out.
        outputs: None where only OpenCV can tell.
        sources: Layer -> how many values it takes; what takes several may bring
            its weights along as one of them. Empty where the text does not tell.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[Output, ...] | None
    sources: dict[str, int]


def read_text(path: Path) -> str:
    """A network's text; what is no UTF-8, in comments, say, is replaced.

    Raises:
        ModelLoadError: It cannot be read, or is far too long for a network.
    """
    try:
        size = path.stat().st_size
        if size <= _MAX_TEXT:
            return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}", hint="check the file"
        ) from error
    raise ModelLoadError(
        f"{path} has {size:,} bytes; a network's text has at most {_MAX_TEXT:,}",
        hint="is it the weights? name the network's text file",
    )
