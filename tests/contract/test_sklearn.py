"""scikit-learn through the contract: a pipeline on the digits, and a regressor."""

import numpy as np
import pytest

from harness.testing import LiveBackendContract

skops = pytest.importorskip("skops.io", reason="needs the sklearn extra")

from sklearn.datasets import load_digits  # noqa: E402 - only where the extra is there
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402 - likewise
from sklearn.pipeline import make_pipeline  # noqa: E402 - likewise
from sklearn.preprocessing import StandardScaler  # noqa: E402 - likewise


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    return pixels[:300] / 16, labels[:300]


def saved(model, folder):
    path = folder / "model.skops"
    skops.dump(model, path)
    return path


class SklearnContract(LiveBackendContract):
    backend = "sklearn"

    @pytest.fixture
    def feeds(self, digits):
        return {"X": digits[0][:8]}


@pytest.fixture(scope="module")
def classifier(digits):
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(*digits)


class TestClassifier(SklearnContract):
    @pytest.fixture
    def model(self, classifier, tmp_path):
        return saved(classifier, tmp_path)

    def test_answers_are_scikit_learns(self, session, classifier, feeds):
        found = self._run(session, feeds)
        expected = classifier.predict_proba(feeds["X"])
        np.testing.assert_array_equal(found["probabilities"], expected)
        np.testing.assert_array_equal(found["label"], classifier.predict(feeds["X"]))


class TestWords(SklearnContract):
    """Labels that are text."""

    @pytest.fixture
    def model(self, digits, tmp_path):
        pixels, labels = digits
        words = np.where(labels > 4, "high", "low")
        return saved(LogisticRegression(C=0.1).fit(pixels, words), tmp_path)


class TestRegressor(SklearnContract):
    @pytest.fixture
    def model(self, digits, tmp_path):
        return saved(Ridge().fit(*digits), tmp_path)

    def test_output_is_one_number_a_sample(self, session):
        (spec,) = session.outputs
        assert (spec.name, spec.dtype, spec.shape) == ("prediction", "float64", (None,))
