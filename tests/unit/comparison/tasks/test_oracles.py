"""Every metric of every task against scikit-learn or a naive computation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sk

SEEDS = given(seed=st.integers(0, 2**32 - 1))
FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
EXACT = {"rel": 1e-12, "abs": 1e-12}


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def calibration(likely, labels, bins=15):
    top, right = likely.max(axis=1), likely.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    found = 0.0
    for low, high in pairwise(edges):
        inside = (top > low) & (top <= high)
        if inside.any():
            found += inside.mean() * abs(right[inside].mean() - top[inside].mean())
    return found


@SEEDS
@FEW
def test_classification(feed, seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(30, 80)), 12
    labels = rng.integers(0, k, n)
    sides = [rng.normal(size=(n, k)) * 3 for _ in range(2)]
    found = feed.run(
        "classification",
        feed.batch({"logits": sides[0]}, {"logits": sides[1]}, labels),
        {"top_k": [2, 5]},
    )
    got = feed.values(found)
    for index, logits in enumerate(sides):
        likely, answers = softmax(logits), logits.argmax(axis=1)
        onehot, eps = np.eye(k)[labels], np.finfo(np.float32).eps
        expected = {
            "accuracy": sk.accuracy_score(labels, answers),
            "top_2_accuracy": sk.top_k_accuracy_score(
                labels, logits, k=2, labels=range(k)
            ),
            "top_5_accuracy": sk.top_k_accuracy_score(
                labels, logits, k=5, labels=range(k)
            ),
            "macro_f1": sk.f1_score(labels, answers, average="macro"),
            "balanced_accuracy": np.mean(
                [(answers[labels == c] == c).mean() for c in np.unique(labels)]
            ),
            "log_loss": -np.log(np.maximum(likely[range(n), labels], eps)).mean(),
            "brier_loss": np.square(likely - onehot).sum(axis=1).mean(),
            "expected_calibration_error": calibration(likely, labels),
        }
        one = {name: pair[index] for name, pair in got.items()}
        assert one == pytest.approx(expected, **EXACT)
    right = [side.argmax(axis=1) == labels for side in sides]
    assert found.n_regressed == (right[0] & ~right[1]).sum()
    assert found.n_improved == (~right[0] & right[1]).sum()


@SEEDS
@FEW
def test_multilabel(feed, seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(20, 80)), 4
    truth = rng.integers(0, 2, (n, k))
    truth[0], truth[1] = 1, 0
    sides = [np.round(rng.random((n, k)), 2) for _ in range(2)]
    thresholds = [0.3, 0.5, 0.6, 0.7]
    found = feed.run(
        "multilabel",
        feed.batch({"s": sides[0]}, {"s": sides[1]}, targets={"labels": truth}),
        {"threshold": thresholds},
    )
    got = feed.values(found)
    for index, scores in enumerate(sides):
        decided = scores >= np.array(thresholds)
        kept = {"zero_division": 0}
        expected = {
            "macro_f1": sk.f1_score(truth, decided, average="macro", **kept),
            "micro_f1": sk.f1_score(truth, decided, average="micro", **kept),
            "subset_accuracy": sk.accuracy_score(truth, decided),
            "hamming_loss": sk.hamming_loss(truth, decided),
            "label_agreement": (decided == (sides[0] >= thresholds)).mean(),
            "mean_average_precision": sk.average_precision_score(truth, scores),
        }
        for name, value in expected.items():
            assert got[name][index] == pytest.approx(value, **EXACT), name
        for c, part in enumerate(found.per_class):
            one = {m.name: (m.reference, m.candidate)[index] for m in part.metrics}
            exact = sk.average_precision_score(truth[:, c], scores[:, c])
            assert one["average_precision"] == pytest.approx(exact, **EXACT)
            recall = sk.recall_score(truth[:, c], decided[:, c])
            assert one["recall"] == pytest.approx(recall, **EXACT)


@SEEDS
@FEW
def test_binary(feed, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 60))
    labels = np.append(rng.integers(0, 2, n - 2), [0, 1])
    logits = [rng.normal(size=n) * 4 for _ in range(2)]
    found = feed.values(
        feed.run(
            "binary",
            feed.batch({"y": logits[0]}, {"y": logits[1]}, labels),
            {"logits": True, "threshold": 0.4},
        )
    )
    for index, side in enumerate(logits):
        decided = 1 / (1 + np.exp(-side)) >= 0.4
        assert found["accuracy"][index] == sk.accuracy_score(labels, decided)
        assert found["f1"][index] == pytest.approx(
            sk.f1_score(labels, decided), **EXACT
        )
        precision = sk.average_precision_score(labels, side)
        assert found["mean_average_precision"][index] == pytest.approx(
            precision, **EXACT
        )


@SEEDS
@FEW
def test_regression(feed, seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(12, 60)), int(rng.integers(1, 4))
    truth = rng.normal(size=(n, k)) * 5 + 1000
    sides = [truth + rng.normal(size=(n, k)) for _ in range(2)]
    found = feed.run(
        "regression",
        feed.batch({"out": sides[0]}, {"out": sides[1]}, targets={"target": truth}),
    )
    got = feed.values(found)
    for index, side in enumerate(sides):
        expected = {
            "mean_abs_error": sk.mean_absolute_error(truth, side),
            "rmse_error": sk.root_mean_squared_error(truth, side),
            "mean_abs_percentage_error": sk.mean_absolute_percentage_error(truth, side),
            "max_error": np.abs(side - truth).max(),
            "bias_error": np.abs((side - truth).mean(axis=0)).mean(),
        }
        for name, value in expected.items():
            assert got[name][index] == pytest.approx(value, **EXACT), name
        assert got["r2"][index] == pytest.approx(sk.r2_score(truth, side), abs=1e-11)
    assert len(found.per_class) == (0 if k == 1 else k)


@SEEDS
@FEW
def test_segmentation(feed, seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 15)), 5
    truth = rng.integers(0, k, (n, 6, 7))
    truth[rng.random(truth.shape) < 0.1] = 255
    logits = [rng.normal(size=(n, k, 6, 7)) for _ in range(2)]
    batch = feed.batch({"seg": logits[0]}, {"seg": logits[1]}, targets={"mask": truth})
    found = feed.run(
        "segmentation", batch, {"ignore_index": 255, "layout": "NCHW", "classes": k}
    )
    got = feed.values(found)
    counted = truth != 255
    for index, side in enumerate(logits):
        flat, true = side.argmax(axis=1)[counted], truth[counted]
        matrix = (found.confusion.reference, found.confusion.candidate)[index]
        assert np.array_equal(matrix, sk.confusion_matrix(true, flat, labels=range(k)))
        iou = sk.jaccard_score(true, flat, average="macro")
        assert got["mean_iou"][index] == pytest.approx(iou, **EXACT)
        assert got["pixel_accuracy"][index] == pytest.approx(
            sk.accuracy_score(true, flat), **EXACT
        )
        assert got["mean_class_accuracy"][index] == pytest.approx(
            sk.balanced_accuracy_score(true, flat), **EXACT
        )
    agree = (logits[0].argmax(axis=1) == logits[1].argmax(axis=1))[counted].mean()
    assert got["pixel_agreement"] == (1.0, pytest.approx(agree, **EXACT))


@SEEDS
@FEW
def test_embedding(feed, seed):
    rng = np.random.default_rng(seed)
    n, d, k = int(rng.integers(15, 50)), 8, 3
    labels = rng.integers(0, 4, n)
    ours = rng.normal(size=(n, d))
    theirs = ours + rng.normal(size=(n, d)) * 0.5
    found = feed.values(
        feed.run("embedding", feed.batch({"e": ours}, {"e": theirs}, labels), {"k": k})
    )
    cosine = [sk.pairwise.cosine_similarity(side) for side in (ours, theirs)]
    pair = np.diag(sk.pairwise.cosine_similarity(ours, theirs))
    assert found["cosine_mean"][1] == pytest.approx(pair.mean(), **EXACT)
    assert found["cosine_min"][1] == pytest.approx(pair.min(), **EXACT)
    assert found["cosine_p01"][1] == pytest.approx(np.quantile(pair, 0.01), **EXACT)
    near = []
    for side in cosine:
        np.fill_diagonal(side, -2)
        near.append(np.argsort(-side, axis=1)[:, :k])
    agree = np.mean([len({*a} & {*b}) / k for a, b in zip(*near, strict=True)])
    assert found["neighbour_agreement"] == (1.0, pytest.approx(agree, **EXACT))
    ranks = []
    for row in range(n):
        others = np.arange(n) != row
        ranks.append(spearmanr(cosine[0][row, others], cosine[1][row, others])[0])
    assert found["rank_agreement"][1] == pytest.approx(np.mean(ranks), abs=1e-9)
    alone = np.array([(labels == one).sum() < 2 for one in labels])
    for index in (0, 1):
        hit = (labels[near[index][:, 0]] == labels)[~alone]
        assert found["recall_at_1"][index] == pytest.approx(hit.mean(), **EXACT)


def naive_edits(first, second):
    table = np.zeros((len(first) + 1, len(second) + 1), int)
    table[:, 0], table[0] = np.arange(len(first) + 1), np.arange(len(second) + 1)
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b)
            )
    return table[-1, -1]


def until(tokens, eos):
    found = tokens.tolist()
    return found[: found.index(eos) + 1] if eos in found else found


@SEEDS
@FEW
def test_sequence_of_tokens(feed, seed):
    rng = np.random.default_rng(seed)
    n, steps, eos = int(rng.integers(12, 30)), 9, 2
    truth, ours, theirs = (rng.integers(1, 5, (n, steps)) for _ in range(3))
    found = feed.values(
        feed.run(
            "sequence",
            feed.batch({"ids": ours}, {"ids": theirs}, targets={"target": truth}),
            {"eos": eos},
        )
    )
    counted = np.array([np.arange(steps) < len(until(row, eos)) for row in truth])
    for index, side in enumerate((ours, theirs)):
        pairs = [
            (until(a, eos), until(b, eos)) for a, b in zip(side, truth, strict=True)
        ]
        edits = np.mean([naive_edits(a, b) / max(1, len(b)) for a, b in pairs])
        assert found["edit_distance_error"][index] == pytest.approx(edits, **EXACT)
        assert found["exact_match"][index] == np.mean([a == b for a, b in pairs])
        assert found["token_accuracy"][index] == pytest.approx(
            (side == truth)[counted].mean(), **EXACT
        )
    assert found["token_agreement"][1] == pytest.approx(
        (ours == theirs)[counted].mean(), **EXACT
    )


@SEEDS
@FEW
def test_sequence_of_scores(feed, seed):
    rng = np.random.default_rng(seed)
    n, steps, words = int(rng.integers(12, 25)), 6, 7
    truth = rng.integers(0, words, (n, steps))
    mask = rng.random((n, steps)) < 0.8
    mask[:, 0] = True
    ours, theirs = (rng.normal(size=(n, steps, words)) for _ in range(2))
    batch = feed.batch(
        {"logits": ours},
        {"logits": theirs},
        targets={"target": truth},
        inputs={"attention_mask": mask.astype(np.int64)},
    )
    found = feed.values(feed.run("sequence", batch, {"mask": "attention_mask"}))
    for index, side in enumerate((ours, theirs)):
        likely = softmax(side)[mask]
        loss = sk.log_loss(truth[mask], likely, labels=range(words))
        assert found["perplexity_loss"][index] == pytest.approx(np.exp(loss), rel=1e-9)
    error = np.abs(ours - theirs).mean(axis=2)[mask].mean()
    assert found["logit_error"] == (0.0, pytest.approx(error, **EXACT))
