"""Decisions of models that err on a share of their samples."""

import math
import random
from collections.abc import Sequence

from harness.core.results import ClassComparison, Confusion, Flip, LabelComparison

from .inputs import sparse

DIGITS = tuple(str(digit) for digit in range(10))


def wilson(k: int, n: int) -> tuple[float, float]:
    z = 1.959964
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def mcnemar(lost: int, won: int) -> float:
    n = lost + won
    return sum(math.comb(n, k) for k in range(lost, n + 1)) / 2**n


def truth(n_classes: int, n_each: int) -> list[int]:
    return [i % n_classes for i in range(n_classes * n_each)]


def answers(true: Sequence[int], n_classes: int, wrong: float, seed: int) -> list[int]:
    """Answers of a model that errs on a share of samples, mostly to a neighbour."""
    rng = random.Random(seed)
    return [
        (t + rng.choice((1, 1, 2, 5))) % n_classes if rng.random() < wrong else t
        for t in true
    ]


TRUE = truth(10, 36)
BEFORE = answers(TRUE, 10, 0.035, seed=1)


def class_row(
    name: str, index: int, true: Sequence[int], old: Sequence[int], new: Sequence[int]
) -> ClassComparison:
    rows = [i for i, t in enumerate(true) if t == index]
    before = sum(old[i] == index for i in rows)
    after = sum(new[i] == index for i in rows)
    lost = sum(old[i] == index != new[i] for i in rows)
    won = sum(new[i] == index != old[i] for i in rows)
    p = mcnemar(lost, won) if lost + won else 1.0
    adjusted = min(1.0, p * len(set(true)))
    verdict = "fail" if adjusted < 0.01 else "undecided" if lost > won else "pass"
    return ClassComparison(
        class_name=name,
        n=len(rows),
        recall_reference=before / len(rows),
        recall=after / len(rows),
        recall_interval=wilson(after, len(rows)),
        precision_reference=0.96,
        precision=0.95,
        f1_reference=0.96,
        f1=0.95,
        n_regressed=lost,
        n_improved=won,
        p_value=p,
        p_adjusted=adjusted,
        min_detectable_drop=min(1.0, 8.6 / len(rows)),
        verdict=verdict,
        recall_reference_interval=wilson(before, len(rows)),
    )


def matrix(n: int, true: Sequence[int], predicted: Sequence[int]):
    rows = [[0] * n for _ in range(n)]
    for t, p in zip(true, predicted, strict=True):
        rows[t][p] += 1
    return tuple(map(tuple, rows))


def confusion(names, true, old, new) -> Confusion | None:
    n = len(names)
    if n > 256:
        return None
    return Confusion(tuple(names), matrix(n, true, old), matrix(n, true, new))


def labels(
    true: Sequence[int],
    old: Sequence[int],
    new: Sequence[int],
    names: Sequence[str] = DIGITS,
) -> LabelComparison:
    rng = random.Random(5)
    n, n_names = len(true), len(names)
    moved = [i for i in range(n) if old[i] != new[i]]
    flips = [
        Flip(
            sample=i,
            true=names[true[i]],
            old=names[old[i]],
            new=names[new[i]],
            margin=rng.random() ** 2,
            sample_id=f"digits/{1437 + i:04d}",
        )
        for i in moved
    ]
    flips.sort(key=lambda flip: -flip.margin)
    return LabelComparison(
        n=n,
        accuracy_reference=sum(map(int.__eq__, true, old)) / n,
        accuracy=sum(map(int.__eq__, true, new)) / n,
        top1_agreement=1 - len(moved) / n,
        n_regressed=sum(o == t != w for t, o, w in zip(true, old, new, strict=True)),
        n_improved=sum(w == t != o for t, o, w in zip(true, old, new, strict=True)),
        n_flipped=len(moved),
        p_value=1.0 if not moved else 0.5 ** min(len(moved), 40),
        per_class=tuple(
            class_row(name, k, true, old, new) for k, name in enumerate(names)
        ),
        confusion=confusion(names, true, old, new),
        flips=tuple(flips[:100]),
        confusion_cells=sparse((matrix(n_names, true, old), matrix(n_names, true, new)))
        if n_names > 256
        else None,
        examples=tuple(sorted(flips[:200], key=lambda flip: flip.sample)),
    )
