"""Boxes against pycocotools, and what is done without truth."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
CLASSES = 3
MOST = 12


def scene(rng, n):
    """True boxes of some images, padded with class -1: whole numbers, as COCO has."""
    boxes = np.zeros((n, MOST, 4))
    boxes[..., :2] = rng.integers(0, 60, (n, MOST, 2))
    boxes[..., 2:] = boxes[..., :2] + rng.integers(5, 40, (n, MOST, 2))
    classes = rng.integers(0, CLASSES, (n, MOST))
    classes[np.arange(MOST) >= rng.integers(0, MOST, n)[:, None]] = -1
    return boxes, classes


def detector(rng, boxes, classes, noise):
    """Moved boxes with scores, some missed, some of another class."""
    moved = boxes + rng.integers(-noise, noise + 1, boxes.shape)
    moved[..., 2:] = np.maximum(moved[..., 2:], moved[..., :2] + 1)
    found = np.where(rng.random(classes.shape) < 0.1, 0, classes)
    scores = np.round(rng.random(classes.shape), 2) + 0.01
    # Where there is no true box, most detectors still see something now and then.
    ghosts = (classes < 0) & (rng.random(classes.shape) < 0.3)
    found[ghosts] = rng.integers(0, CLASSES, ghosts.sum())
    return {
        "boxes": moved,
        "scores": scores,
        "classes": found.astype(np.float64),
    }


def coco_precision(boxes, classes, found, most):
    """COCOeval's table of precisions over all sizes."""
    truth, answers = [], []
    for image, row in enumerate(zip(boxes, classes, strict=True)):
        for box, one in zip(*row, strict=True):
            if one >= 0:
                truth.append(record(image, box, one) | {"iscrowd": 0})
    for image in range(len(boxes)):
        rows = zip(
            *(found[k][image] for k in ("boxes", "classes", "scores")), strict=True
        )
        answers += [
            record(image, box, one) | {"score": float(score)}
            for box, one, score in rows
            if one >= 0
        ]
    for index, one in enumerate(truth, start=1):
        one["id"] = index
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(boxes))],
            "categories": [{"id": c} for c in range(CLASSES)],
            "annotations": truth,
        }
        coco.createIndex()
        judged = COCOeval(coco, coco.loadRes(answers), "bbox")
        judged.params.maxDets = [most]
        judged.evaluate()
        judged.accumulate()
    table = judged.eval["precision"][:, :, :, 0, 0]
    return np.where(table < 0, np.nan, table)


def record(image, box, one):
    x, y, right, bottom = map(float, box)
    size = (right - x, bottom - y)
    return {
        "image_id": image,
        "category_id": int(one),
        "bbox": [x, y, *size],
        "area": size[0] * size[1],
    }


@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([2, 100]))
@FEW
def test_pycocotools_agrees(feed, seed, most):
    rng = np.random.default_rng(seed)
    boxes, classes = scene(rng, int(rng.integers(3, 15)))
    classes[0, 0], classes[0, 1] = 0, 1
    sides = [detector(rng, boxes, classes, noise) for noise in (2, 5)]
    batch = feed.batch(*sides, targets={"boxes": boxes, "classes": classes})
    found = feed.run("detection", batch, {"max_detections": most})
    got = feed.values(found)
    for index, side in enumerate(sides):
        table = coco_precision(boxes, classes, side, most)
        with np.errstate(invalid="ignore"):
            means = {
                "average_precision": np.nanmean(table),
                "average_precision_50": np.nanmean(table[0]),
                "average_precision_75": np.nanmean(table[5]),
            }
        for name, value in means.items():
            assert got[name][index] == pytest.approx(value, abs=1e-12), name
        for one, part in enumerate(found.per_class):
            mine = (part.metrics[0].reference, part.metrics[0].candidate)[index]
            own = table[:, :, one].mean()
            assert (np.nan if mine is None else mine) == pytest.approx(
                own, abs=1e-12, nan_ok=True
            )


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_order_split_and_merge_change_nothing(feed, seed):
    rng = np.random.default_rng(seed)
    boxes, classes = scene(rng, 30)
    sides = [detector(rng, boxes, classes, noise) for noise in (1, 6)]
    batch = feed.batch(*sides, targets={"boxes": boxes, "classes": classes})
    whole = feed.run("detection", batch)
    feed.assert_same(whole, feed.in_pieces("detection", batch, rng))
    assert whole.metrics[0].interval is not None


@pytest.mark.parametrize("form", ["xywh", "cxcywh", "yxyx"])
def test_formats_and_units_say_the_same(feed, form):
    rng = np.random.default_rng(0)
    boxes, classes = scene(rng, 10)
    sides = [detector(rng, boxes, classes, noise) for noise in (1, 6)]
    targets = {"boxes": boxes, "classes": classes}
    plain = feed.run("detection", feed.batch(*sides, targets=targets))
    x, y, right, bottom = np.moveaxis(sides[1]["boxes"], -1, 0)
    shown = {
        "xywh": (x, y, right - x, bottom - y),
        "cxcywh": ((x + right) / 2, (y + bottom) / 2, right - x, bottom - y),
        "yxyx": (y, x, bottom, right),
    }[form]
    scale = np.array([64, 128, 64, 128] if form == "yxyx" else [128, 64, 128, 64])
    other = {**sides[1], "boxes": np.stack(shown, axis=-1) / scale}
    batch = feed.batch(other, other, targets=targets)
    options = {
        "format": form,
        "target_format": "xyxy",
        "normalized": True,
        "target_normalized": False,
        "image_size": [128, 64],
    }
    found = feed.run("detection", batch, options)
    assert found.metrics[0].candidate == pytest.approx(plain.metrics[0].candidate)
    assert found.confusion.candidate == plain.confusion.candidate


def test_confusion_counts_misses_and_false_alarms(feed):
    box = np.array([[[0, 0, 10, 10], [20, 20, 30, 30]]], float)
    side = {
        "boxes": np.array([[[0, 0, 10, 9], [50, 50, 60, 60]]], float),
        "scores": np.array([[0.9, 0.8]]),
        "classes": np.array([[1, 0]]),
    }
    batch = feed.batch(
        side, side, targets={"boxes": box, "classes": np.array([[0, 1]])}
    )
    found = feed.run("detection", batch, None, ("car", "dog"))
    assert found.confusion.classes == ("car", "dog", "background")
    assert found.confusion.candidate == ((0, 1, 0), (0, 0, 1), (1, 0, 0))


def test_without_truth_the_reference_is_it(feed):
    rng = np.random.default_rng(1)
    boxes, classes = scene(rng, 30)
    sides = [detector(rng, boxes, classes, noise) for noise in (1, 6)]
    found = feed.run("detection", feed.batch(*sides))
    got = feed.values(found)
    assert got["average_precision"][0] == pytest.approx(1.0)
    assert got["box_agreement"][0] == 1.0
    assert 0 < got["average_precision"][1] < 1
    assert found.metrics[0].p_value is None
    assert "no true boxes" in found.notes[0]
