"""What every maker of an odd model gives, and shares with the others."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N = 7  # samples of each set: no multiple of a fixed batch


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        model: Its ONNX file.
        golden: Golden input name -> samples.
        answers: Model output name -> the original's answers on them.
        batch_axis: What a suite declares.
    """

    model: Path
    golden: Mapping[str, np.ndarray]
    answers: Mapping[str, np.ndarray]
    batch_axis: int | Mapping[str, int | str] | None = None


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def output_names(path):
    import onnx

    return [value.name for value in onnx.load(path).graph.output]


@contextmanager
def quiet():
    """Hide what exporters say of themselves while they work."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
