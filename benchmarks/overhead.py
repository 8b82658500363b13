"""What the harness costs over the bare onnxruntime loop, in one run.

    python benchmarks/overhead.py

Each case runs the same two models over the same samples in the same batches, bare
and through the harness, in turn. The ratio is taken pair by pair and its median
printed; seconds are shown for orientation only. "pass" is reading, preprocessing,
inference and all comparisons; "gate" is the whole evaluation: also opening and hashing
files, weight statistics, verdicts and the report's HTML. Peak memory comes from
processes of their own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, save

from harness.core.specs import RunOptions
from harness.golden.source import open_golden
from harness.pipeline import evaluate
from harness.pipeline.comparing import run_pass
from harness.pipeline.opening import open_variant
from harness.report.html import render_html
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable

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


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if arguments.peak is not None:
            _gate(arguments.peak)
            print(_own_peak_kilobytes())
            return
        _print_ratios(place, arguments.samples, arguments.large, arguments.rounds)
        _print_memory(place, arguments.samples)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000, help="large-output samples")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _print_ratios(place: Path, samples: int, large: int, rounds: int) -> None:
    cases = (
        _digits(samples, 50),
        _digits(samples, 1),
        _images(place, large, 4),
    )
    print("| case | samples | batch | bare s | pass / bare | gate / bare |")
    print("|---|--:|--:|--:|--:|--:|")
    for case in cases:
        suite = _write_suite(case, place / case.name.replace(" ", "-"))
        bare, passed, gated = _in_turn(
            rounds,
            lambda case=case: _bare(case),
            lambda suite=suite: _pass(suite),
            lambda suite=suite: _gate(suite),
        )
        print(
            f"| {case.name} | {len(case.samples):,} | {case.batch} "
            f"| {statistics.median(bare):.2f} "
            f"| {_ratio(passed, bare):.3f} | {_ratio(gated, bare):.3f} |",
            flush=True,
        )


def _print_memory(place: Path, samples: int) -> None:
    few, many = samples // 10, samples
    suites = [_write_suite(_digits(n, 50), place / str(n)) for n in (few, many)]
    peaks = [_peak_megabytes(suite) for suite in suites]
    print(f"\n| samples | peak memory |\n|--:|--:|\n| {few:,} | {peaks[0]:.0f} MB |")
    print(f"| {many:,} | {peaks[1]:.0f} MB |")


def _in_turn(rounds: int, *jobs: Callable[[], object]) -> list[list[float]]:
    """Seconds of every job, A B C A B C ..., after one round that is not counted."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for job, kept in zip(jobs, seconds, strict=True):
            started = time.perf_counter()
            job()
            if turn:
                kept.append(time.perf_counter() - started)
    return seconds


def _ratio(ours: list[float], bare: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, bare, strict=True))


def _bare(case: Case) -> None:
    """The loop anybody writes: both models, every batch, answers dropped."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    sessions = [
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for model in case.models
    ]
    names = [session.get_inputs()[0].name for session in sessions]
    for start in range(0, len(case.samples), case.batch):
        batch = case.samples[start : start + case.batch].astype(np.float32) * SCALE
        for session, name in zip(sessions, names, strict=True):
            session.run(None, {name: batch})


def _pass(file: Path) -> None:
    suite = load_suite(file)
    source = open_golden(suite.golden)
    with ExitStack() as stack:
        cast = {}
        for spec in suite.variants:
            opened = open_variant(suite, spec, source, "fail")
            assert opened.predictor is not None, opened.reason
            stack.callback(opened.predictor.close)
            cast[spec.name] = opened
        state = run_pass(suite, source, cast)
        for candidate in state.candidates.values():
            assert candidate.result() is not None


def _gate(file: Path) -> None:
    report = evaluate(file, RunOptions(missing="fail"))
    assert report.verdict == "passed", report
    render_html(report)


def _peak_megabytes(suite: Path) -> float:
    command = [sys.executable, __file__, "--peak", str(suite)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def _own_peak_kilobytes() -> int:
    # Not getrusage: its figure survives exec, so a child starts with its parent's peak.
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def _digits(n: int, batch: int) -> Case:
    """The golden digits, repeated to n samples."""
    shards = [np.load(file) for file in sorted((DIGITS / "data").glob("*.npz"))]
    images = np.concatenate([shard["image"] for shard in shards])
    labels = np.concatenate([shard["label"] for shard in shards])
    rows = np.arange(n) % len(images)
    models = (DIGITS / "models/digits.onnx", DIGITS / "models/digits-optimized.onnx")
    return Case(f"digits, batch {batch}", models, images[rows], labels[rows], batch)


def _images(place: Path, n: int, batch: int) -> Case:
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


def _write_suite(case: Case, folder: Path) -> Path:
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


if __name__ == "__main__":
    main()
