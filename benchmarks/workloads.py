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
    from collections.abc import Callable, Iterable

    from harness.core.protocols import Array

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


def in_turn(rounds: int, *jobs: Callable[[], object]) -> list[list[float]]:
    """Seconds of every job, A B C A B C ..., after one round that is not counted."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for job, kept in zip(jobs, seconds, strict=True):
            started = time.perf_counter()
            job()
            if turn:
                kept.append(time.perf_counter() - started)
    return seconds


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


def own_peak_kilobytes() -> int:
    # Not getrusage: its figure survives exec, so a child starts with its parent's peak.
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


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
    save(_convolutions((3, 32, 32, 3)), model)
    samples = np.random.default_rng(0).integers(0, 17, (n, 3, 160, 160), np.uint8)
    return Case("large outputs", (model, model), samples, None, batch)


def _convolutions(channels: tuple[int, ...]) -> object:
    rng = np.random.default_rng(0)
    nodes, constants, value = [], [], "image"
    for index, (fed, made) in enumerate(itertools.pairwise(channels)):
        kernel = rng.normal(0, (2 / (9 * fed)) ** 0.5, (made, fed, 3, 3))
        constants.append(
            numpy_helper.from_array(kernel.astype(np.float32), f"w{index}")
        )
        nodes.append(
            helper.make_node(
                "Conv", [value, f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1]
            )
        )
        value = f"r{index}"
        nodes.append(helper.make_node("Relu", [f"c{index}"], [value]))
    shape = ["n", 3, 160, 160]
    graph = helper.make_graph(
        nodes,
        "images",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, shape)],
        constants,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )


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
