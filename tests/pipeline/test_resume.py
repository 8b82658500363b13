"""A run that was killed goes on where it was, and leaves nothing behind."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from harness.cache import Store

KILLS = 8
PATIENCE = 10.0


@pytest.fixture(scope="module")
def suite(tmp_path_factory, small):
    """A reference and a candidate in processes of their own; nine parts of data."""
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(11)
    x = rng.normal(0, 1, (36_000, 4)).astype(np.float32)
    np.savez(folder / "golden.npz", x=x, label=rng.integers(0, 3, len(x)))
    tables = []
    for name, factor in (("reference", 1.0), ("candidate", 1.01)):
        model = small.classifier(small.weights() * np.float32(factor))
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
        kind = "original" if name == "reference" else "quantized"
        tables.append(
            f'[[variant]]\nname = "{name}"\nkind = "{kind}"\npath = "{name}.onnx"\n'
        )
    head = '[suite]\nname = "k"\ntask = "classification"\nreference = "reference"\n'
    text = "\n".join([head, '[golden]\ndata = "golden.npz"\n', *tables])
    (folder / "quality.toml").write_text(text)
    return folder


def start(suite, cache, report):
    command = [sys.executable, "-m", "harness", "run", str(suite), "--no-diagnose"]
    return subprocess.Popen(
        [*command, f"--cache={cache}", "--json", str(report)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finished(suite, cache, report):
    """The report of a run that nobody disturbs, without what may differ."""
    with start(suite, cache, report) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 1), said.decode()
    record = json.loads(report.read_text())
    record.pop("provenance")
    for variant in record["variants"]:
        variant.pop("seconds_per_sample")
    return record


@pytest.fixture(scope="module")
def undisturbed(suite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    record = finished(suite, folder / "cache", folder / "report.json")
    return record, found_in(folder / "cache")


def found_in(cache):
    """Keys of what was computed; digests of files that are new are not kept yet."""
    return {e.key for e in Store(cache).entries() if e.kind != "files"}


def children_of(pid):
    """Processes that a process has started, and theirs."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    mine = [int(child) for child in text.split()]
    return mine + [theirs for child in mine for theirs in children_of(child)]


def kill_at(process, store, n_entries, pause):
    """End it when it has written so many entries, and so many seconds later."""
    while process.poll() is None and sum(1 for _ in store.entries()) < n_entries:
        time.sleep(0.002)
    time.sleep(pause)
    left = children_of(process.pid)
    # Memory with a name would have nobody to clean up after it.
    assert not [f for pid in (process.pid, *left) for f in shared_by(pid)]
    process.kill()
    process.wait()
    return left


def shared_by(pid):
    """Files in shared memory that a process holds open, those without names aside."""
    found = []
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [file for file in found if file.startswith("/dev/shm")]


def wait_for_the_end_of(pids):
    late = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < late, pids
        time.sleep(0.02)


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_any_moment(suite, undisturbed, tmp_path, seed):
    expected, everything = undisturbed
    chance = random.Random(seed)
    cache, report = tmp_path / "cache", tmp_path / "report.json"
    with start(suite, cache, report) as process:
        moment = chance.randrange(len(everything)), chance.random() / 50
        left = kill_at(process, Store(cache), *moment)
    wait_for_the_end_of(left)
    before = found_in(cache)
    assert Store(cache).verify() == ()
    assert finished(suite, cache, report) == expected
    # What was found before was not found again.
    assert before <= found_in(cache) == everything
    assert Store(cache).verify() == ()
