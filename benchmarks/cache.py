"""What a run costs of which something, or nothing, is kept from before.

    python benchmarks/cache.py

A suite of a reference and eight candidates, convolutional networks of the same size
over the same samples. It is run by `harness run` without a cache, with an
empty one, unchanged, with one candidate changed, and with the reference changed. Beside
the changed candidate stands the bare loop of that model alone over the same samples.
Seconds are those of whole processes, by the clock and of all processors together.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
from workloads import SCALE, Case, bare_loop, bare_sessions, images

Seconds: TypeAlias = tuple[float, float]
"""By the clock, and of all processors together."""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        case = images(place, arguments.samples, 4)
        suite = _suite(place, case, arguments.candidates)
        cache = f"--cache={place / 'cache'}"
        _print("an empty Python", _seconds("-c", "pass"))
        _print("without a cache", _run(suite))
        _print("with an empty one", _run(suite, cache))
        _print("nothing changed", _run(suite, cache))
        _change(place / "m1.onnx")
        changed = _run(suite, cache)
        bare = _bare(case, place / "m1.onnx")
        _print("one candidate changed", changed)
        _print("the bare loop of it", bare)
        _change(place / "m0.onnx")
        _print("the reference changed", _run(suite, cache))
        _print("nothing changed", _run(suite, cache))
        print(_harness("cache", "stats", str(place / "cache")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--candidates", type=int, default=8)
    return parser.parse_args()


def _suite(place: Path, case: Case, candidates: int) -> Path:
    """Small answers of large inputs: what it costs is inference."""
    np.savez(place / "data.npz", image=case.samples)
    model = onnx.load(case.models[0])
    model.graph.node.append(
        onnx.helper.make_node(
            "GlobalAveragePool", [model.graph.output[0].name], ["mean"]
        )
    )
    del model.graph.output[:]
    shape = ["n", 3, 1, 1]
    mean = onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, shape)
    model.graph.output.append(mean)
    tables = []
    for index in range(candidates + 1):
        model.doc_string = str(index)
        onnx.save(model, place / f"m{index}.onnx")
        kind = "converted" if index else "original"
        tables.append(
            f'[[variant]]\nname = "m{index}"\nkind = "{kind}"\n'
            f'path = "m{index}.onnx"\nbatch_size = {case.batch}\n'
        )
    head = '[suite]\nname = "nine"\ntask = "tensor"\nreference = "m0"\n'
    golden = f'[golden]\ndata = "data.npz"\n[golden.preprocess]\nscale = {SCALE}\n'
    file = place / "quality.toml"
    file.write_text("\n".join([head, golden, *tables]))
    return file


def _change(path: Path) -> None:
    """Other bytes, the same numbers."""
    model = onnx.load(path)
    model.doc_string += " changed"
    onnx.save(model, path)
    # What was changed just now is not yet remembered by its time.
    time.sleep(2.5)


def _bare(case: Case, model: Path) -> Seconds:
    sessions = bare_sessions([model])
    started, worked = time.perf_counter(), time.process_time()
    bare_loop(case, sessions)
    return time.perf_counter() - started, time.process_time() - worked


def _run(suite: Path, *options: str) -> Seconds:
    return _seconds("-m", "harness", "run", str(suite), *options)


def _seconds(*command: str) -> Seconds:
    """Of a process and of all that it started."""
    started, worked = time.perf_counter(), _worked()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, _worked() - worked


def _worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _harness(*command: str) -> str:
    asked = [sys.executable, "-m", "harness", *command]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def _print(what: str, seconds: Seconds) -> None:
    print(f"| {what} | {seconds[0]:.2f} | {seconds[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
