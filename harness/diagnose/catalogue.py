"""The causes of drift that are looked for: codes, slugs, and how to mend each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of drift.

    Attributes:
        code: Stable short code; never given to another cause.
        slug: Its name in reports, ``family.cause``.
        hint: How to mend it at the source.
    """

    code: str
    slug: str
    hint: str

    @property
    def page(self) -> str:
        """Its page in the documentation, relative to the repository."""
        return f"docs/drift/{self.code}.md"


PADDING = Cause(
    "PAD001",
    "padding.same_split",
    "pad explicitly before the layer as the original does (TensorFlow's SAME puts the "
    "odd element behind the input), then convert again",
)
EPSILON = Cause(
    "NRM001",
    "norm.epsilon",
    "pass the original's epsilon where the layer is rebuilt (Keras: 1e-3, PyTorch and "
    "ONNX: 1e-5 unless told otherwise)",
)
LAYOUT = Cause(
    "LAY001",
    "layout.permutation",
    "transpose to the original's layout before flattening, or permute the rows of the "
    "dense kernel once",
)
OUTPUTS = Cause(
    "OUT001",
    "outputs.order",
    "use the label map that the model was trained with, and check the order of classes "
    "where the last layer is written",
)
WEIGHTS = Cause(
    "WGT001",
    "weights.changed",
    "convert from the same checkpoint, and look for a step that retouches or rounds "
    "weights in between",
)

CAUSES = {c.code: c for c in (EPSILON, LAYOUT, OUTPUTS, PADDING, WEIGHTS)}
