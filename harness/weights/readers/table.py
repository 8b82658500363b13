"""Readers of weights by the form of the file; each is imported when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from harness.core.protocols import WeightReader

_HERE = "harness.weights.readers"
# Form, as detection names it -> reader, what must be installed, and the extra.
_READERS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "onnx": ("onnx_:read_weights", ("onnx",), None),
}
READERS: Registry[WeightReader] = Registry(
    "weight reader",
    {
        form: LazyEntry(f"{_HERE}.{target}", requires=requires, extra=extra)
        for form, (target, requires, extra) in _READERS.items()
    },
)


def reader_for(form: str) -> WeightReader | None:
    """The reader of a form, as detection names it.

    Returns:
        None where weights of this form are not read.

    Raises:
        MissingDependencyError: The library that reads this form is not installed.
    """
    return READERS.get(form) if form in READERS else None
