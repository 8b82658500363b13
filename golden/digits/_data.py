"""The digits, their recorded split, and the golden part as a manifest folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

from harness.core.files import write_text
from harness.golden.write import write_manifest_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEED = 20240229
GOLDEN_PER_CLASS = 36
SHARD_ROWS = 180
SCALE = 0.0625
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine"
    " Learning Repository, https://doi.org/10.24432/C50P49; its test part, as"
    " scikit-learn ships it (sklearn.datasets.load_digits)"
)


@dataclass(frozen=True)
class Digits:
    """All digits in scikit-learn's order, and who is golden.

    Attributes:
        image: (1797, 8, 8, 1) float32, whole numbers 0..16.
        label: (1797,) int64.
        golden: (360,) positions of the golden samples, in shuffled order.
        training: (1437,) positions of all others, ascending.
    """

    image: NDArray[np.float32]
    label: NDArray[np.int64]
    golden: NDArray[np.int64]
    training: NDArray[np.int64]


def load() -> Digits:
    """Digits with the same number of golden samples of each class."""
    bunch = load_digits()
    label = bunch.target.astype(np.int64)
    shuffled = np.random.default_rng(SEED).permutation(len(label))
    nth_of_class = np.empty(len(label), np.int64)
    for digit in range(10):
        of_class = shuffled[label[shuffled] == digit]
        nth_of_class[of_class] = np.arange(len(of_class))
    golden = shuffled[nth_of_class[shuffled] < GOLDEN_PER_CLASS]
    training = np.setdiff1d(np.arange(len(label)), golden)
    image = bunch.images.astype(np.float32)[..., np.newaxis]
    return Digits(image, label, golden, training)


def write(digits: Digits, folder: Path) -> None:
    """Write ``split.json``, ``classes.txt`` and the golden ``data/`` into `folder`."""
    split = {
        "dataset": "sklearn.datasets.load_digits",
        "seed": SEED,
        "golden": digits.golden.tolist(),
        "training": digits.training.tolist(),
    }
    write_text(folder / "split.json", json.dumps(split) + "\n")
    names = tuple(str(digit) for digit in range(10))
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in names))
    arrays = {
        "image": digits.image[digits.golden],
        "label": digits.label[digits.golden],
        "sample_id": np.array([f"digits-{row:04}" for row in digits.golden]),
    }
    write_manifest_folder(
        folder / "data",
        arrays,
        name="digits",
        rows_per_shard=SHARD_ROWS,
        facts={"class_names": names, "license": "CC-BY-4.0", "source": SOURCE},
    )
