"""Workloads that the benchmarks share, the bare loop over them, and how to time it."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from onnx import ModelProto, ValueInfoProto

    from harness.core.protocols import Array

    Job: TypeAlias = Callable[[], object]

DIGITS = Path(__file__).parents[1] / "golden" / "digits"
SCALE = 0.0625


@dataclass(frozen=True)
class Case:
    """One workload: two models, samples, a batch size."""

    name: str
    models: tuple[Path, Path]
    samples: Array
    labels: Array | None
    batch: int


def in_turn(
    rounds: int, *jobs: Job, warm: Sequence[Job] | None = None
) -> list[list[float]]:
    """Seconds of every job, A B C A B C ..., after a round that is not counted.

    Args:
        rounds: How often each is timed.
        jobs: What is timed.
        warm: What is run first, uncounted; all of `jobs` unless said.
    """
    for job in jobs if warm is None else warm:
        job()
    turns = [[seconds_of(job) for job in jobs] for _ in range(rounds)]
    return [list(seconds) for seconds in zip(*turns, strict=True)]


def seconds_of(job: Job) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def ratio(ours: list[float], bare: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, bare, strict=True))


def bare_sessions(models: Iterable[Path]) -> list[ort.InferenceSession]:
    """The models as the harness opens them: one thread, on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    return [ort.InferenceSession(model, options, providers) for model in models]


def bare_loop(case: Case, sessions: list[ort.InferenceSession]) -> None:
    """The loop anybody writes: all models, every batch, answers dropped."""
    names = [session.get_inputs()[0].name for session in sessions]
    for start in range(0, len(case.samples), case.batch):
        batch = case.samples[start : start + case.batch].astype(np.float32) * SCALE
        for session, name in zip(sessions, names, strict=True):
            session.run(None, {name: batch})


def digits(n: int, batch: int) -> Case:
    """The golden digits, repeated to n samples."""
    shards = [np.load(file) for file in sorted((DIGITS / "data").glob("*.npz"))]
    images = np.concatenate([shard["image"] for shard in shards])
    labels = np.concatenate([shard["label"] for shard in shards])
    rows = np.arange(n) % len(images)
    models = (DIGITS / "models/digits.onnx", DIGITS / "models/digits-optimized.onnx")
    return Case(f"digits, batch {batch}", models, images[rows], labels[rows], batch)


def images(place: Path, n: int, batch: int) -> Case:
    """An image-to-image network: 3 x 160 x 160 = 76,800 floats out a sample."""
    model = place / "images.onnx"
    save(_network((160, 160), (3, 32, 32, 3)), model)
    samples = np.random.default_rng(0).integers(0, 17, (n, 3, 160, 160), np.uint8)
    return Case("large outputs", (model, model), samples, None, batch)


def classifier(place: Path, n: int, batch: int) -> Case:
    """A small convolutional classifier: 3 x 64 x 64 in, scores of ten classes out."""
    model = place / "classifier.onnx"
    save(_network((64, 64), (3, 16, 32, 32), n_classes=10), model)
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 17, (n, 3, 64, 64), np.uint8)
    labels = rng.integers(0, 10, n)
    return Case("convolutional classifier", (model, model), samples, labels, batch)


def _network(
    size: tuple[int, int], channels: tuple[int, ...], n_classes: int = 0
) -> ModelProto:
    """Convolutions of 3 x 3, each with a ReLU; what they answer, or scores of it."""
    rng = np.random.default_rng(0)
    nodes, constants, value = [], [], "image"
    for index, (fed, made) in enumerate(itertools.pairwise(channels)):
        kernel = rng.normal(0, (2 / (9 * fed)) ** 0.5, (made, fed, 3, 3))
        constants.append(_constant(kernel, f"w{index}"))
        taken = [value, f"w{index}"]
        nodes.append(helper.make_node("Conv", taken, [f"c{index}"], pads=[1] * 4))
        value = f"r{index}"
        nodes.append(helper.make_node("Relu", [f"c{index}"], [value]))
    answer: list[int] = [channels[-1], *size]
    if n_classes:
        constants.append(_constant(rng.normal(size=(channels[-1], n_classes)), "w"))
        nodes.append(
            helper.make_node("ReduceMean", [value, "axes"], ["mean"], keepdims=0)
        )
        constants.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
        value = "scores"
        nodes.append(helper.make_node("MatMul", ["mean", "w"], [value]))
        answer = [n_classes]
    graph = helper.make_graph(
        nodes,
        "images",
        [_tensor("image", [channels[0], *size])],
        [_tensor(value, answer)],
        constants,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )


def _constant(values: Array, name: str) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _tensor(name: str, shape: list[int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])


def write_suite(case: Case, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"image": case.samples}
    if case.labels is not None:
        arrays["label"] = case.labels
    np.savez(folder / "data.npz", **arrays)
    task = "tensor" if case.labels is None else "classification"
    variants = "".join(
        f"[[variant]]\nname = {json.dumps(name)}\nkind = {json.dumps(kind)}\n"
        f"path = {json.dumps(str(model))}\nbatch_size = {case.batch}\n"
        for name, kind, model in zip(
            ("reference", "candidate"),
            ("original", "optimized"),
            case.models,
            strict=True,
        )
    )
    file = folder / "quality.toml"
    file.write_text(
        f'[suite]\nname = "{case.name}"\ntask = "{task}"\nreference = "reference"\n'
        f'allow_outside = true\n[golden]\ndata = "data.npz"\n'
        f"[golden.preprocess]\nscale = {SCALE}\n{variants}"
    )
    return file
