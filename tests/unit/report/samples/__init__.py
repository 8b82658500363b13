"""Reports built by hand, as real runs leave them; numbers are drawn from seeds."""

from .extremes import EVIL, hostile, huge, many_classes
from .inputs import with_inputs
from .reports import broken, failing, no_labels, passing, slipped, undecided


def pictured():
    """Flips whose inputs are pictures, signals and words."""
    return with_inputs(failing(), "onnx-pads")


__all__ = [
    "EVIL",
    "broken",
    "failing",
    "hostile",
    "huge",
    "many_classes",
    "no_labels",
    "passing",
    "pictured",
    "slipped",
    "undecided",
]
