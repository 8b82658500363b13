"""Real files, cut or changed anywhere: numbers, or an error of ours."""

import random
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.ensemble import RandomForestClassifier
from skops.io import dump

from harness.core.errors import HarnessError
from harness.weights import reader_for

TORCH = {
    "state.pth": "state-dict",
    "old.pth": "state-dict-old",
    "checkpoint.pth": "state-dict",
    "whole.pt": "state-dict",
    "scripted.pt": "torchscript",
    "frozen.pt": "torchscript",
    "traced.pt": "torchscript",
    "program.pt2": "exported-program",
    "program-old.pt2": "exported-program",
}
OTHERS = {
    "m.safetensors": "safetensors",
    "m.npz": "npz",
    "packed.npz": "npz",
    "m.npy": "npy",
    "m.skops": "skops",
}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    rng = np.random.default_rng(0)
    arrays = {"a.weight": rng.random((4, 5)), "a.bias": rng.random(4)}
    save_file(arrays, folder / "m.safetensors")
    np.savez(folder / "m.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.save(folder / "m.npy", arrays["a.weight"])
    x, y = rng.random((20, 3)), rng.integers(0, 2, 20)
    dump(RandomForestClassifier(2).fit(x, y), folder / "m.skops")
    return folder


def attempt(path, form):
    """Read all: how many numbers there are, or the error."""
    try:
        return sum(weight.load().size for weight in reader_for(form)(path))
    except HarnessError as error:
        return error


def is_clear(found, path):
    return isinstance(found, HarnessError) and path.name in found.message


def attempts(real, form, folder, count):
    whole = real.read_bytes()
    size = attempt(real, form)
    assert size > 0
    path = folder / real.name
    generator = random.Random(0)
    for _ in range(count):
        path.write_bytes(whole[: generator.randrange(len(whole))])
        assert is_clear(attempt(path, form), path)
        changed = bytearray(whole)
        # What is read first stands at the start and at the end.
        for limit in (400, len(whole)):
            place = generator.randrange(min(limit, len(whole)))
            changed[generator.choice((place, -1 - place))] = generator.randrange(256)
        path.write_bytes(changed)
        found = attempt(path, form)
        assert is_clear(found, path) or found <= 2 * size


def rewritten(real, path, ending, generator):
    """The archive with a byte of one entry changed, and checksums that are right."""
    with zipfile.ZipFile(real) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = bytearray(source.read(name))
            if name.endswith(ending):
                data[generator.randrange(len(data))] = generator.randrange(256)
            target.writestr(name, bytes(data))


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("checkpoint.pth", "data.pkl"),
        ("whole.pt", "data.pkl"),
        ("traced.pt", (".pkl", ".py")),
        ("frozen.pt", "constants.pkl"),
        ("program.pt2", "model.json"),
        ("program.pt2", "model_weights_config.json"),
    ],
)
def test_descriptions_of_pytorch(torch_folder, tmp_path, name, ending):
    generator = random.Random(1)
    path = tmp_path / name
    size = attempt(torch_folder[0] / name, TORCH[name])
    for _ in range(40):
        rewritten(torch_folder[0] / name, path, ending, generator)
        found = attempt(path, TORCH[name])
        assert is_clear(found, path) or found <= 2 * size


@pytest.mark.parametrize("name", TORCH)
def test_files_of_pytorch(torch_folder, tmp_path, name):
    attempts(torch_folder[0] / name, TORCH[name], tmp_path, 40)


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(others, tmp_path, name):
    attempts(others / name, OTHERS[name], tmp_path, 80)
