"""Real samples for the networks: photographs, digits, text and tables of scikit-learn.

Everything ships with scikit-learn; nothing is downloaded.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

# Of whatever kind a model takes.
Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

N_SAMPLES = 32


@cache
def photographs() -> tuple[Floats, ...]:
    """The two photographs, each [427, 640, 3], RGB in -1..1."""
    import cv2

    folder = files("sklearn.datasets") / "images"
    names = ("china.jpg", "flower.jpg")
    raw = [np.frombuffer((folder / n).read_bytes(), np.uint8) for n in names]
    decoded = (cv2.imdecode(bytes_, cv2.IMREAD_COLOR) for bytes_ in raw)
    return tuple((image[..., ::-1] / 127.5 - 1).astype(np.float32) for image in decoded)


def crops(size: int, n_samples: int = N_SAMPLES, seed: int = 0) -> Floats:
    """Crops of the photographs at varying zoom, [n_samples, size, size, 3]."""
    import cv2

    rng = np.random.default_rng(seed)
    taken = []
    for index in range(n_samples):
        image = photographs()[index % 2]
        side = int(rng.integers(size, 300))
        top = int(rng.integers(0, image.shape[0] - side))
        left = int(rng.integers(0, image.shape[1] - side))
        crop = image[top : top + side, left : left + side]
        taken.append(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA))
    return np.stack(taken)


def planes(size: int, n_samples: int = N_SAMPLES) -> Floats:
    """The same crops, channels first: [n_samples, 3, size, size]."""
    return np.ascontiguousarray(crops(size, n_samples).transpose(0, 3, 1, 2))


def signals(length: int, n_samples: int = N_SAMPLES) -> Floats:
    """Brightness along rows of the photographs, [n_samples, 1, length]."""
    rows = np.concatenate([image.mean(axis=2) for image in photographs()])
    rng = np.random.default_rng(1)
    picked = rng.choice(len(rows), n_samples, replace=False)
    starts = rng.integers(0, rows.shape[1] - length, n_samples)
    taken = [rows[row, s : s + length] for row, s in zip(picked, starts, strict=True)]
    return np.stack(taken)[:, None].astype(np.float32)


def sequences(steps: int, features: int, n_samples: int = N_SAMPLES) -> Floats:
    """Consecutive pieces of such rows, [n_samples, steps, features]."""
    return signals(steps * features, n_samples).reshape(n_samples, steps, features)


def texts(length: int, n_samples: int = N_SAMPLES) -> tuple[Array, Array]:
    """Byte tokens [n_samples, length] int64, and which of them count (bool)."""
    folder = files("sklearn.datasets") / "descr"
    names = ("breast_cancer.rst", "digits.rst", "iris.rst", "diabetes.rst")
    text = b"".join((folder / name).read_bytes() for name in names)
    rng = np.random.default_rng(2)
    starts = rng.integers(0, len(text) - length, n_samples)
    tokens = np.stack([np.frombuffer(text[s : s + length], np.uint8) for s in starts])
    counted = np.arange(length) < rng.integers(length // 2, length + 1, (n_samples, 1))
    return np.where(counted, tokens, 0).astype(np.int64) % 128, counted


def digits() -> tuple[Floats, Array]:
    """All digits as [1797, 64] in 0..1, and their labels."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return (bundle.data / 16).astype(np.float32), bundle.target


def tumours() -> tuple[Floats, Array]:
    """The breast cancer table, [569, 30], and its labels."""
    from sklearn.datasets import load_breast_cancer

    bundle = load_breast_cancer()
    return bundle.data.astype(np.float32), bundle.target
