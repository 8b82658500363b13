"""A real exported model a task, a broken copy of it, and golden data with its truth."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from harness.pipeline import evaluate

N = 120


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Task -> folder with models ``good``, ``same``, ``bad`` and ``golden.npz``."""
    made = {}

    def folder_of(task):
        if task not in made:
            folder = tmp_path_factory.mktemp(task)
            _make(task, folder)
            made[task] = folder
        return made[task]

    return folder_of


@pytest.fixture
def run_suite(exported, tmp_path):
    """Runs the suite of a task: its report, and the two candidates' results."""

    def run(task, more="", kind="converted"):
        folder = exported(task)
        file = folder / f"{tmp_path.name}.quality.toml"
        file.write_text(_suite(task, kind) + more)
        report = evaluate(file)
        found = {name: report.variant(name) for name in ("good", "same", "bad")}
        checks = {
            name: {check.name: check for check in variant.checks}
            for name, variant in found.items()
        }
        return SimpleNamespace(report=report, checks=checks, **found)

    return run


def _suite(task, kind):
    variants = (("good", "original"), ("same", kind), ("bad", kind))
    tables = [
        f'[[variant]]\nname = "{n}"\nkind = "{k}"\npath = "{n}.onnx"\n'
        for n, k in variants
    ]
    head = f"""
        [suite]
        name = "{task}"
        task = "{task}"
        reference = "good"
        isolation = "none"
        [golden]
        data = "golden.npz"
        """
    return "\n".join([head, *tables])


def _make(task: str, folder: Path) -> None:
    rng = np.random.default_rng(7)
    arrays = _regression(folder) if task == "regression" else _torch(task, folder, rng)
    n = len(arrays["x"])
    arrays["slice_light"] = np.where(np.arange(n) % 3 == 0, "night", "day")
    np.savez(folder / "golden.npz", **arrays)
    model = onnx.load(folder / "good.onnx")
    model.doc_string = "the same"
    onnx.save(model, folder / "same.onnx")
    # The last weights in another order: classes, coordinates or features are mixed up.
    last = [i for i in model.graph.initializer if len(i.dims) >= 2][-1]
    kernel = numpy_helper.to_array(last)
    mixed = np.roll(kernel[::-1], 1, axis=0) if len(kernel) > 1 else -kernel
    last.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(mixed), last.name))
    onnx.save(model, folder / "bad.onnx")


def _regression(folder: Path) -> dict[str, np.ndarray]:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    data, target = load_diabetes(return_X_y=True)
    data = data.astype(np.float32)
    model = Ridge(alpha=0.1).fit(data, target)
    onnx.save(_as_matmul(to_onnx(model, data[:1])), folder / "good.onnx")
    return {"x": data, "target": target.astype(np.float32)}


def _as_matmul(model: onnx.ModelProto) -> onnx.ModelProto:
    """LinearRegressor holds its weights as an attribute: a tensor can be edited."""
    (node,) = [n for n in model.graph.node if n.op_type == "LinearRegressor"]
    held = {a.name: np.array(a.floats, np.float32) for a in node.attribute if a.floats}
    kernel = numpy_helper.from_array(held["coefficients"][:, None], "kernel")
    bias = numpy_helper.from_array(held["intercepts"], "bias")
    model.graph.initializer.extend([kernel, bias])
    fed, told = node.input[0], node.output[0]
    gemm = onnx.helper.make_node("Gemm", [fed, "kernel", "bias"], [told], "gemm")
    node.CopyFrom(gemm)
    return model


def _torch(task: str, folder: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    import torch

    torch.manual_seed(3)
    network, shape, outputs = _network(task)
    if task == "sequence":
        x = rng.integers(0, 20, (N, *shape)).astype(np.int64)
    else:
        x = rng.random((N, *shape)).astype(np.float32)
    with torch.no_grad():
        network.train()
        network(torch.from_numpy(x))  # batch norms learn the data's mean
    network.eval()
    with torch.no_grad():
        answers = network(torch.from_numpy(x))
    answers = answers if isinstance(answers, tuple) else (answers,)
    names = [*outputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            torch.from_numpy(x[:2]),
            str(folder / "good.onnx"),
            input_names=["x"],
            output_names=names,
            dynamic_axes={name: {0: "n"} for name in ["x", *names]},
            dynamo=False,
        )
    told = [a.numpy() for a in answers]
    return {"x": x, **_truth(task, dict(zip(names, told, strict=True)), rng)}


def _network(task):
    from torch import nn

    if task in ("multilabel", "binary", "tensor"):
        width = 5 if task == "multilabel" else 1
        last = nn.Linear(16, width, bias=False)
        layers = [nn.Linear(8, 16), nn.Tanh(), nn.BatchNorm1d(16, affine=False), last]
        layers = [*layers, nn.Sigmoid()]
        return nn.Sequential(*layers), (8,), ("scores",)
    if task == "segmentation":
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)]
        return nn.Sequential(*layers), (3, 12, 10), ("seg",)
    if task == "embedding":
        layers = [nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 16)]
        return nn.Sequential(*layers), (8,), ("embedding",)
    if task == "sequence":
        return nn.Sequential(nn.Embedding(20, 12), nn.Linear(12, 20)), (7,), ("logits",)
    return _detector(nn), (16,), ("boxes", "scores", "classes")


def _detector(nn):
    import torch

    class Head(nn.Module):
        """Six boxes an image, of three classes."""

        def __init__(self):
            super().__init__()
            self.body = nn.Linear(16, 32)
            self.sure = nn.Linear(32, 6 * 3)
            self.box = nn.Linear(32, 6 * 4)

        def forward(self, x):
            found = torch.tanh(self.body(x))
            corners = torch.sigmoid(self.box(found)).reshape(-1, 6, 4)
            start, size = corners[..., :2] * 50, corners[..., 2:] * 40 + 5
            boxes = torch.cat([start, start + size], dim=2)
            likely = torch.softmax(3 * self.sure(found).reshape(-1, 6, 3), dim=2)
            scores, classes = likely.max(dim=2)
            return boxes, scores, classes

    return Head()


def _truth(task, answers, rng):
    """The reference's own answers, some of them spoilt: so it is good, not perfect."""
    first = next(iter(answers.values()))
    if task == "multilabel":
        labels = (first >= np.median(first)) ^ (rng.random(first.shape) < 0.1)
        return {"labels": labels.astype(np.int64)}
    if task in ("binary", "tensor"):
        right = first[:, 0] >= 0.5
        return {"label": (right ^ (rng.random(len(right)) < 0.1)).astype(np.int64)}
    if task == "segmentation":
        mask = first.argmax(axis=1)
        noise = rng.integers(0, 4, mask.shape)
        return {"target_mask": np.where(rng.random(mask.shape) < 0.1, noise, mask)}
    if task == "sequence":
        tokens = first.argmax(axis=2)
        noise = rng.integers(0, 20, tokens.shape)
        spoilt = np.where(rng.random(tokens.shape) < 0.1, noise, tokens)
        return {"target_tokens": spoilt}
    if task == "embedding":
        return {"label": (first[:, 0] > np.median(first[:, 0])).astype(np.int64)}
    return _boxes(answers, rng)


def _boxes(answers, rng):
    boxes = answers["boxes"] + rng.integers(-3, 4, answers["boxes"].shape)
    classes = np.where(answers["scores"] > 0.6, answers["classes"], -1)
    return {"target_boxes": boxes.astype(np.float32), "target_classes": classes}
