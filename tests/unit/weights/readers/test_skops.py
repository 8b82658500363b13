"""Arrays of skops archives against the estimators that they hold."""

import json
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io import dump

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

X = np.random.default_rng(0).random((60, 4))
Y = (X[:, 0] * 3).astype(int)


def read(path):
    return {w.name: w for w in reader_for("skops")(path)}


def saved(folder, model):
    dump(model.fit(X, Y), folder / "m.skops")
    return folder / "m.skops"


def test_a_pipeline(tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    found = read(saved(tmp_path, model))
    scaler, linear = (step for _, step in model.steps)
    wanted = {
        "steps.standardscaler.mean_": scaler.mean_,
        "steps.standardscaler.var_": scaler.var_,
        "steps.standardscaler.scale_": scaler.scale_,
        "steps.logisticregression.coef_": linear.coef_,
        "steps.logisticregression.intercept_": linear.intercept_,
    }
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name].load(), values, strict=True)
    kernel = found["steps.logisticregression.coef_"]
    assert (kernel.role, kernel.layout, kernel.op_type, kernel.node) == (
        *("kernel", "OI", "LogisticRegression", "steps.logisticregression"),
    )
    assert found["steps.logisticregression.intercept_"].role == "bias"
    # A scaler's scale is no quantizer's.
    assert found["steps.standardscaler.scale_"].role == "constant"


def test_a_network(tmp_path):
    model = MLPClassifier((3,), max_iter=200, tol=1.0)
    found = read(saved(tmp_path, model))
    assert set(found) == {"coefs_.0", "coefs_.1", "intercepts_.0", "intercepts_.1"}
    np.testing.assert_array_equal(found["coefs_.1"].load(), model.coefs_[1])
    assert (found["coefs_.0"].role, found["coefs_.0"].layout) == ("kernel", "IO")


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(3, max_depth=3), GradientBoostingRegressor(n_estimators=3)],
    ids=lambda model: type(model).__name__,
)
def test_trees(tmp_path, model):
    found = read(saved(tmp_path, model))
    trees = np.ravel(model.estimators_)
    values = [w for name, w in found.items() if name.endswith("tree_.values")]
    splits = [w for name, w in found.items() if name.endswith(".nodes.threshold")]
    assert len(values) == len(splits) == len(trees) == 3
    for tree, value, split in zip(trees, values, splits, strict=True):
        np.testing.assert_array_equal(value.load(), tree.tree_.value)
        np.testing.assert_array_equal(split.load(), tree.tree_.threshold)


def test_a_sparse_matrix_is_refused_by_name(tmp_path):
    model = LogisticRegression().fit(X, Y).sparsify()
    dump(model, tmp_path / "m.skops")
    with pytest.raises(ModelLoadError, match="'coef_' is a sparse matrix") as caught:
        read(tmp_path / "m.skops")
    assert "densify" in caught.value.hint


def test_a_missing_array_is_an_error(tmp_path):
    path = saved(tmp_path, LogisticRegression())
    short = tmp_path / "short.skops"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(short, "w") as target:
        schema = json.loads(source.read("schema.json"))
        target.writestr("schema.json", json.dumps(schema))
    with pytest.raises(ModelLoadError, match=r"the file '\d+\.npy' of .* is missing"):
        read(short)
