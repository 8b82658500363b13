"""Damaged files of the TensorFlow family: one error of ours, or numbers."""

import random
import shutil

import pytest

from harness.core.errors import HarnessError

FILES = [
    ("checkpoint", "names/model-3", "model-3.index"),
    ("checkpoint", "names/model-3", "model-3.meta"),
    ("checkpoint", "objects/ckpt-1", "ckpt-1.data-00000-of-00001"),
    ("graphdef", "frozen.pb", ""),
    ("graphdef", "odd.pb", ""),
    ("graphdef-text", "odd.pbtxt", ""),
    ("litert", "integer.tflite", ""),
    ("litert", "offset.tflite", ""),
    ("litert", "schema.tflite", ""),
    ("savedmodel", "saved", "saved_model.pb"),
]
# A child process each: fewer of them.
SLOW = [
    ("hdf5", "whole.h5", ""),
    ("hdf5", "packed.weights.h5", ""),
    ("keras", "model.keras", ""),
]
LARGEST = 1 << 20


def copied(source, target):
    if source.is_dir():
        return shutil.copytree(source, target)
    for file in source.parent.glob(f"{source.name}*"):
        shutil.copy(file, target.parent / file.name)
    return target


def damages(data, count):
    """Cut short, bytes left out, bytes changed; by a seed that stays."""
    rng = random.Random(len(data))
    for turn in range(count):
        at = rng.randrange(len(data))
        if turn % 3 == 0:
            yield data[:at]
        elif turn % 3 == 1:
            yield data[:at] + data[at + rng.randrange(1, 64) :]
        else:
            changed = bytearray(data)
            # Headers and tables say more than numbers do.
            for place in (at, rng.randrange(min(len(data), 400))):
                changed[place] = rng.choice((0, 127, 255, changed[place] ^ 4))
            yield bytes(changed)


def attempt(read_form, form, path):
    """How many tensors it gives whole, and what is said of the others."""
    errors = []
    try:
        weights = list(read_form(form, path).values())
    except HarnessError as error:
        return 0, [error]
    for weight in weights:
        try:
            values = weight.load()
        except HarnessError as error:
            errors.append(error)
            continue
        assert values.shape == weight.shape
        # A few numbers may stand for many, as a view.
        assert values.size <= LARGEST or not all(values.strides)
    return len(weights) - len(errors), errors


@pytest.mark.parametrize(
    ("place", "count"),
    [(place, 60) for place in FILES] + [(place, 3) for place in SLOW],
)
def test_damaged_files(tensorflow, read_form, tmp_path, place, count):
    form, name, inner = place
    path = copied(tensorflow.folder / name, tmp_path / name.rpartition("/")[2])
    target = path if not inner else path / inner if path.is_dir() else tmp_path / inner
    data = target.read_bytes()
    whole, _ = attempt(read_form, form, path)
    assert whole
    refused = []
    for damaged in damages(data, count):
        target.write_bytes(damaged)
        refused += attempt(read_form, form, path)[1]
    assert refused
    assert all(error.hint and error.message for error in refused)
