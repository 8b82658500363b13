"""Golden inputs of every sort beside the decisions that were made of them."""

import base64
import math
from dataclasses import replace

from harness.core.png import picture
from harness.core.results import (
    ConfusionCells,
    ErrorMap,
    Flip,
    Flow,
    Preview,
    QualityReport,
    ShownSample,
)

ALIKE = 360


def image(sample: int, side: int = 8) -> Preview:
    pixels = bytes((sample * 37 + k * k * 11) % 256 for k in range(side * side))
    png = base64.b64encode(picture(side, side, pixels)).decode()
    return Preview("image", (side, side, 1), png, (side, side))


def signal(sample: int) -> Preview:
    wave = [round(math.sin(k / 5 + sample), 3) for k in range(96)]
    return Preview("wave", (16_000,), lines=((*wave[:40], None, *wave[41:]),))


def words(sample: int) -> Preview:
    return Preview("review", (), text=f"A long way down, number {sample}.")


def with_inputs(report: QualityReport, name: str) -> QualityReport:
    """The report with inputs of the variant's flips, and examples of its cells."""
    variant = report.variant(name)
    labels = variant.labels
    drawn = (image, signal, words)
    shown = tuple(
        ShownSample(f.sample, (drawn[k % 3](f.sample),), f.sample_id)
        for k, f in enumerate(sorted(labels.flips, key=lambda f: f.sample))
    )
    alike = (Flip(ALIKE, "8", "8", "8", 0.0, "digits/1797"),)
    counted: dict[tuple, list[float]] = {}
    for flip in labels.flips:
        counted.setdefault((flip.true, flip.old, flip.new), []).append(flip.margin)
    flows = [Flow(*kind, len(m), sum(m) / len(m)) for kind, m in counted.items()]
    flows.sort(key=lambda flow: -flow.n)
    judged = replace(
        variant,
        labels=replace(
            labels, examples=(*labels.flips[:20], *alike), flows=tuple(flows)
        ),
        outputs=(replace(variant.outputs[0], error_map=ERRORS), *variant.outputs[1:]),
    )
    variants = tuple(judged if v.name == name else v for v in report.variants)
    return replace(report, variants=variants, samples=shown)


ERRORS = ErrorMap(
    (32, 48),
    tuple(tuple(1e-3 * (j == 0) + 1e-6 * i for j in range(24)) for i in range(16)),
    64,
)


def sparse(matrices) -> ConfusionCells | None:
    """What of two large matrices is kept."""
    before, after = matrices
    n = len(before)
    cells = [
        (i, j, before[i][j], after[i][j])
        for i in range(n)
        for j in range(n)
        if before[i][j] or after[i][j]
    ]
    cells.sort(key=lambda c: (-abs(c[3] - c[2]), -max(c[2:]), c[:2]))
    return ConfusionCells(tuple(cells[:8000]), max(len(cells) - 8000, 0))
