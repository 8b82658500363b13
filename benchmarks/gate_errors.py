"""How often the default gate errs, on simulated releases.

    python -m benchmarks.gate_errors

Nothing is run but the gate's own rules, on decisions that are drawn: which samples the
reference gets right, and which of them a candidate loses or wins. "No change" draws
losses and wins alike; a true drop loses more of one class. Rates are printed with their
95 % interval, as a table for docs/gate.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.confusion import ConfusionMatrix
from harness.comparison.intervals import wilson_interval
from harness.comparison.tasks.per_class import class_comparisons
from harness.core.results import LabelComparison, VariantResult
from harness.gate import default_gate, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

_LABEL_CHECKS = ("top1_agreement", "accuracy", "per_class_recall")


@dataclass(frozen=True)
class World:
    """A kind of suites.

    Attributes:
        classes: How many.
        samples: In all classes.
        tail: Whether classes have sizes as 1, 1/2, 1/3, ...
        moving: Share of samples that any quantization moves, to either side.
        drop: True drop of the first class's recall.
        first: Samples of the first class; None as the others.
    """

    classes: int
    samples: int
    tail: bool = False
    moving: float = 0.01
    drop: float = 0.0
    first: int | None = None

    def sizes(self) -> np.ndarray:
        """Samples a class."""
        weights = (
            1 / np.arange(1, self.classes + 1) if self.tail else np.ones(self.classes)
        )
        shares = weights / weights.sum()
        found = np.maximum(np.floor(shares * self.samples), 0).astype(np.int64)
        found[0] += self.samples - found.sum()
        if self.first is not None:
            found[0] = self.first
        return found


def main() -> None:
    arguments = _arguments()
    random = np.random.default_rng(20_301)
    _print_no_change(random, arguments.suites)
    _print_drops(random, arguments.suites)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suites", type=int, default=400, help="of each kind")
    return parser.parse_args()


def _print_no_change(random: Generator, suites: int) -> None:
    print("| no change: classes | samples | sizes | suites | failed |")
    print("|--:|--:|---|--:|--:|")
    failed = total = 0
    for world in _unchanged():
        verdicts = [_verdict(random, world) for _ in range(suites)]
        wrong = verdicts.count("failed")
        failed, total = failed + wrong, total + suites
        sizes = "long tail" if world.tail else "balanced"
        share = rate(wrong, suites)
        print(f"| {world.classes} | {world.samples:,} | {sizes} | {suites} | {share} |")
    print(f"| all | | | {total:,} | {rate(failed, total)} |")


def _unchanged() -> Iterator[World]:
    for classes in (10, 100, 1000):
        for samples in (200, 2_000, 50_000):
            for tail in (False, True):
                yield World(classes, samples, tail, moving=0.015)


def _print_drops(random: Generator, suites: int) -> None:
    print("\n| true drop | classes | moving | failed | undecided | passed |")
    print("|--:|--:|--:|--:|--:|--:|")
    for drop in (0.10, 0.05):
        for classes in (10, 100):
            for moving in (0.0, 0.01):
                world = World(classes, 200 * classes, moving=moving, drop=drop)
                verdicts = [_class_verdict(random, world) for _ in range(5 * suites)]
                cells = " | ".join(
                    rate(verdicts.count(word), len(verdicts))
                    for word in ("fail", "undecided", "pass")
                )
                print(
                    f"| {100 * drop:.0f} points | {classes} | {moving:.0%} | {cells} |"
                )


def rate(count: int, n: int) -> str:
    """A share with its 95 % interval."""
    low, high = wilson_interval(count, n) or (0.0, 1.0)
    return f"{count / n:.1%} ({low:.1%} to {high:.1%})"


def _verdict(random: Generator, world: World) -> str:
    """Of the whole candidate, held to the limits of a quantized one."""
    result = judge(_candidate(random, world), default_gate("quantized"), ())
    statuses = {c.status for c in result.checks if c.name in _LABEL_CHECKS}
    return "failed" if "failed" in statuses else "other"


def _class_verdict(random: Generator, world: World) -> str:
    result = judge(_candidate(random, world), default_gate("quantized"), ())
    assert result.labels is not None
    return result.labels.per_class[0].verdict


def _candidate(random: Generator, world: World) -> VariantResult:
    """A record as the comparison would have left it."""
    sizes = world.sizes()
    right = random.binomial(sizes, 0.9)
    # As many are lost as are won on the average: nothing changed but single samples.
    lost = random.binomial(right, world.moving / 2 / 0.9)
    won = random.binomial(sizes - right, np.minimum(1, world.moving / 2 / 0.1))
    lost[0] += random.binomial(right[0] - lost[0], world.drop / 0.9)
    return record(sizes, right, lost, won)


def record(
    sizes: np.ndarray, right: np.ndarray, lost: np.ndarray, won: np.ndarray
) -> VariantResult:
    """What a comparison finds of so many samples a class: vectors of one shape."""
    n = int(sizes.sum())
    moved = int((lost + won).sum())
    names = [str(i) for i in range(len(sizes))]
    now = right - lost + won
    labels = LabelComparison(
        n=n,
        accuracy_reference=float(right.sum() / n),
        accuracy=float(now.sum() / n),
        top1_agreement=1 - moved / n,
        n_regressed=int(lost.sum()),
        n_improved=int(won.sum()),
        n_flipped=moved,
        per_class=class_comparisons(
            names, _matrix(sizes, right), _matrix(sizes, now), lost, won
        ),
    )
    return VariantResult(
        *("int8", "quantized", "ran", None, None, "m.onnx", 1, None, None, None, None),
        *({}, None),
        labels=labels,
    )


def _matrix(sizes: np.ndarray, right: np.ndarray) -> ConfusionMatrix:
    """What is wrong is said to be the next class: recall does not ask."""
    matrix = ConfusionMatrix(len(sizes))
    for index, (size, hits) in enumerate(zip(sizes, right, strict=True)):
        matrix.matrix[index, index] = hits
        matrix.matrix[index, (index + 1) % len(sizes)] += size - hits
    return matrix


if __name__ == "__main__":
    main()
