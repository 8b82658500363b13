"""Trained scikit-learn models through skl2onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drift import data

if TYPE_CHECKING:
    from pathlib import Path


def build(folder: Path, name: str) -> None:
    """Train, convert, and write ``model.onnx`` and ``inputs.npz``."""
    from skl2onnx import to_onnx

    table, labels = data.tumours() if name == "logistic" else data.digits()
    model = _estimator(name).fit(table[::2], labels[::2])
    inputs = table[1::2][: data.N_SAMPLES]
    options = {"zipmap": False}
    converted = to_onnx(model, inputs[:1], options=options, target_opset=17)
    (folder / "model.onnx").write_bytes(converted.SerializeToString())
    np.savez(folder / "inputs.npz", **{converted.graph.input[0].name: inputs})


def _estimator(name: str) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    if name == "perceptron":
        return MLPClassifier((48, 48), max_iter=60, random_state=0, tol=1e-2)
    return RandomForestClassifier(12, max_depth=7, random_state=0)
