import pickle

import joblib
import numpy as np
import pytest

from harness.backends.sklearn_ import open_session
from harness.core.errors import (
    InferenceError,
    ModelLoadError,
    SuiteError,
    UnsafeModelError,
)

skops = pytest.importorskip("skops.io", reason="needs the sklearn extra")

import pandas as pd  # noqa: E402 - only where the extra is there
from sklearn.base import BaseEstimator  # noqa: E402 - likewise
from sklearn.cluster import DBSCAN, KMeans  # noqa: E402 - likewise
from sklearn.compose import ColumnTransformer  # noqa: E402 - likewise
from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: E402 - likewise
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402 - likewise
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.multioutput import MultiOutputClassifier  # noqa: E402 - likewise
from sklearn.pipeline import make_pipeline  # noqa: E402 - likewise
from sklearn.preprocessing import (  # noqa: E402 - likewise
    FunctionTransformer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.svm import LinearSVC  # noqa: E402 - likewise

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def dumped(tmp_path):
    def saved(model):
        skops.dump(model, tmp_path / "model.skops")
        return tmp_path / "model.skops"

    return saved


def ask(session, array=X):
    return session.run({"X": array}, slice(0, len(array)))


class TestTrust:
    def test_scikit_learns_own_private_types_are_trusted(self, dumped):
        model = HistGradientBoostingClassifier(max_iter=2).fit(X, Y)
        path = dumped(model)
        assert skops.get_untrusted_types(file=path)
        found = ask(open_session(path, {}))
        np.testing.assert_array_equal(found["label"], model.predict(X))

    def test_a_foreign_function_is_refused_by_name(self, dumped):
        path = dumped(FunctionTransformer(pd.get_option).fit(X))
        with pytest.raises(UnsafeModelError, match="get_option") as caught:
            open_session(path, {})
        assert "trusted = [" in caught.value.hint

    def test_a_type_that_the_suite_names_is_loaded(self, dumped):
        path = dumped(FunctionTransformer(pd.isna).fit(X))
        names = skops.get_untrusted_types(file=path)
        assert not ask(open_session(path, {"trusted": names}))["transformed"].any()

    def test_a_function_of_scikit_learns_is_not_its_type(self, dumped):
        from sklearn.datasets import load_files

        path = dumped(FunctionTransformer(load_files).fit(X))
        with pytest.raises(UnsafeModelError, match="load_files"):
            open_session(path, {})


class TestPickles:
    @pytest.fixture(params=["pickle", "joblib", "compressed"])
    def pickled(self, request, tmp_path):
        model = LogisticRegression().fit(X, Y)
        path = tmp_path / "model.joblib"
        if request.param == "pickle":
            path.write_bytes(pickle.dumps(model))
        else:
            joblib.dump(model, path, compress=3 * (request.param == "compressed"))
        return path

    def test_refused(self, pickled):
        with pytest.raises(UnsafeModelError, match="run any code") as caught:
            open_session(pickled, {})
        assert "allow_pickle = true" in caught.value.hint

    def test_loaded_where_the_suite_says_so_and_told(self, pickled):
        session = open_session(pickled, {"allow_pickle": True})
        assert ask(session)["probabilities"].shape == (60, 2)
        assert "runs whatever code" in session.runtime["safety"]

    def test_the_permission_is_a_boolean(self, pickled):
        with pytest.raises(SuiteError, match="allow_pickle"):
            open_session(pickled, {"allow_pickle": "yes"})

    def test_a_pickle_of_something_else(self, tmp_path):
        path = tmp_path / "model.pkl"
        path.write_bytes(pickle.dumps({"not": "a model"}))
        with pytest.raises(ModelLoadError, match="holds a dict"):
            open_session(path, {"allow_pickle": True})

    def test_another_versions_estimator_is_told(self, tmp_path):
        state = LogisticRegression().fit(X, Y)
        data = pickle.dumps(state)
        version = BaseEstimator.__module__ and __import__("sklearn").__version__
        assert version.encode() in data
        path = tmp_path / "model.pkl"
        old = "0" * len(version)
        path.write_bytes(data.replace(version.encode(), old.encode()))
        session = open_session(path, {"allow_pickle": True})
        assert f"from version {old}" in session.runtime["warnings"]


class TestAnswers:
    def test_a_classifier_without_probabilities_answers_with_scores(self, dumped):
        model = LinearSVC(random_state=0).fit(X, Y)
        session = open_session(dumped(model), {})
        assert [spec.name for spec in session.outputs] == ["scores", "label"]
        np.testing.assert_array_equal(
            ask(session)["scores"], model.decision_function(X)
        )

    def test_several_targets(self, dumped):
        two = np.stack([Y, 1 - Y], axis=1)
        model = MultiOutputClassifier(LogisticRegression()).fit(X, two)
        found = ask(open_session(dumped(model), {}))
        assert list(found) == ["probabilities_0", "probabilities_1", "label"]
        assert found["label"].shape == (60, 2)
        many = LinearRegression().fit(X, X)
        (spec,) = open_session(dumped(many), {}).outputs
        assert spec.shape == (None, 4)

    def test_clusters_are_labels(self, dumped):
        model = KMeans(2, n_init=1, random_state=0).fit(X)
        assert [*ask(open_session(dumped(model), {}))] == ["label"]

    def test_a_transformer_answers_densely(self, dumped):
        colours = np.array([["red"], ["blue"], ["red"]])
        session = open_session(dumped(OneHotEncoder().fit(colours)), {})
        assert session.outputs == ()
        found = ask(session, colours)["transformed"]
        assert found.tolist() == [[0, 1], [1, 0], [0, 1]]

    def test_text(self, dumped):
        texts = np.array(["good day", "bad day", "good", "bad"])
        model = make_pipeline(TfidfVectorizer(), LogisticRegression())
        session = open_session(dumped(model.fit(texts, ["g", "b", "g", "b"])), {})
        assert ask(session, texts)["label"].tolist() == ["g", "b", "g", "b"]

    def test_columns_by_name(self, dumped):
        table = pd.DataFrame(X, columns=list("abcd"))
        picked = ColumnTransformer([("scale", StandardScaler(), ["d", "a"])])
        model = make_pipeline(picked, LogisticRegression()).fit(table, Y)
        found = ask(open_session(dumped(model), {}))
        expected = model.predict_proba(table)
        np.testing.assert_array_equal(found["probabilities"], expected)

    def test_what_cannot_answer_for_new_samples(self, dumped):
        with pytest.raises(ModelLoadError, match="DBSCAN can neither predict"):
            open_session(dumped(DBSCAN().fit(X)), {})

    def test_threads_are_held_and_told(self, dumped):
        session = open_session(dumped(LinearRegression().fit(X, Y)), {"num_threads": 2})
        assert session.runtime["num_threads"] == 2
        assert len(ask(session)["prediction"]) == 60


class TestErrors:
    def test_images_ask_to_be_flattened(self, dumped):
        session = open_session(dumped(LogisticRegression().fit(X, Y)), {})
        with pytest.raises(InferenceError, match=r"\(\?, 4\) of rank 2") as caught:
            ask(session, X.reshape(60, 2, 2))
        assert "flatten = true" in caught.value.hint

    def test_another_number_of_features(self, dumped):
        session = open_session(dumped(LogisticRegression().fit(X, Y)), {})
        with pytest.raises(InferenceError, match=r"takes shape \(\?, 4\)"):
            ask(session, X[:, :3])

    def test_what_the_estimator_refuses(self, dumped):
        session = open_session(dumped(LogisticRegression().fit(X, Y)), {})
        with pytest.raises(InferenceError, match="NaN"):
            ask(session, np.full((2, 4), np.nan))

    def test_a_file_of_another_form(self, tmp_path):
        (tmp_path / "model.skops").write_bytes(b"nothing like it")
        with pytest.raises(ModelLoadError, match="neither a skops archive"):
            open_session(tmp_path / "model.skops", {})
