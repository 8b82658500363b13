"""Peak memory of a diagnosis on a network whose activations sum to 4 GB.

    python -m benchmarks.drift.memory

Each case runs in a process of its own: the models alone, the diagnosis, and what is
commonly done by hand, marking every tensor as an output. The fault is a lost slope of
one LeakyRelu in the middle.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.drift.data import Array

_WIDTH = 24
_SIDE = 296
_N_LAYERS = 16
_N_SAMPLES = 16
CASES = ("run", "diagnose", "mark-all")


def main() -> None:
    arguments = _arguments()
    if arguments.case:
        _measure(arguments.case, Path(arguments.folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_pair(Path(folder))
        summed = 2 * _N_LAYERS * _N_SAMPLES * _WIDTH * _SIDE**2 * 4
        print(f"activations of one model: {summed / 2**30:.1f} GiB")
        for case in CASES:
            command = [sys.executable, "-m", "benchmarks.drift.memory", case, folder]
            subprocess.run(command, check=True)


def write_pair(folder: Path) -> None:
    """Write ``reference.onnx``, ``candidate.onnx`` and ``inputs.npz``."""
    for name, slope in (("reference", 0.1), ("candidate", 0.3)):
        onnx.save(_network(slope), folder / f"{name}.onnx")
    samples = np.random.default_rng(1).normal(size=(_N_SAMPLES, 3, _SIDE, _SIDE))
    np.savez(folder / "inputs.npz", image=samples.astype(np.float32))


def _network(slope: float) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    nodes, weights, value, n_in = [], [], "image", 3
    for layer in range(_N_LAYERS):
        kernel = rng.normal(0, np.sqrt(2 / n_in), (_WIDTH, n_in, 1, 1))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"w{layer}"))
        name = f"conv{layer}"
        nodes.append(helper.make_node("Conv", [value, f"w{layer}"], [name], name=name))
        value, n_in = f"act{layer}", _WIDTH
        alpha = slope if layer == _N_LAYERS // 2 else 0.1
        nodes.append(
            helper.make_node("LeakyRelu", [name], [value], name=value, alpha=alpha)
        )
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["features"]))
    shape = ["batch", 3, _SIDE, _SIDE]
    graph = helper.make_graph(
        nodes,
        "tall",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, None)],
        weights,
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9)


def _measure(case: str, folder: Path) -> None:
    with np.load(folder / "inputs.npz") as arrays:
        inputs = dict(arrays)
    paths = [folder / f"{name}.onnx" for name in ("reference", "candidate")]
    start = time.perf_counter()
    said = {"run": _run, "diagnose": _diagnose, "mark-all": _mark_all}[case](
        paths, inputs
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{case:10} peak {peak:7.0f} MB {seconds:7.1f} s   {said}", flush=True)


def _run(paths: Sequence[Path], inputs: dict[str, Array]) -> str:
    """Sample by sample, as a gate with small batches does."""
    from benchmarks.drift.running import run

    for path in paths:
        for row in range(_N_SAMPLES):
            run(path.read_bytes(), {k: v[row : row + 1] for k, v in inputs.items()})
    return "both models, one sample at a time"


def _diagnose(paths: Sequence[Path], inputs: dict[str, Array]) -> str:
    from benchmarks.drift.engine import ask

    answer = ask(paths[0], paths[1], inputs, batch_size=1)
    said = [f"{f.cause} at {f.where.candidate_node}" for f in answer.findings]
    return ", ".join(said) or answer.error or "nothing found"


def _mark_all(paths: Sequence[Path], inputs: dict[str, Array]) -> str:
    """Every tensor of both models at once, then compared."""
    from benchmarks.drift.running import run

    answers = []
    for path in paths:
        model = onnx.load(path)
        values = [node.output[0] for node in model.graph.node[:-1]]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in values)
        answers.append(run(model, inputs))
    one, other = answers
    first = next(n for n in one if n != "features" and not _same(one[n], other[n]))
    return f"first tensor that differs: {first}"


def _same(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, atol=1e-5))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift.memory")
    parser.add_argument("case", nargs="?", choices=CASES, help="one case, in here")
    parser.add_argument("folder", nargs="?", help="where its files lie")
    return parser.parse_args()


if __name__ == "__main__":
    main()
