"""Real files, cut or changed anywhere: facts, or an error of ours."""

import random
import shutil
from pathlib import Path

import pytest

from harness.backends.detect import detect_form
from harness.core.errors import HarnessError
from harness.inspection import inspect_model

TESTS = Path(__file__).parents[2]
MODELS = TESTS.parent / "golden" / "digits" / "models"
REAL = (
    *(MODELS / name for name in ("digits.tflite", "frozen.pb")),
    *(MODELS / name for name in ("digits-int8.tflite", "digits-int8-dynamic.onnx")),
    MODELS / "savedmodel" / "variables" / "variables.index",
    TESTS / "fixtures" / "oneflow" / "truth.npz",
    TESTS / "fixtures" / "darknet" / "digits.cfg",
    TESTS / "fixtures" / "coreml" / "dense.mlmodel",
)
PYTORCH = ("state.pth", "old.pth", "whole.pt", "traced.pt", "program.pt2")


def attempt(path):
    try:
        return inspect_model(path, detect_form(path).name).format
    except HarnessError:
        return None


def attempts(real, folder, count):
    whole = real.read_bytes()
    generator = random.Random(0)
    path = folder / real.name
    for _ in range(count):
        path.write_bytes(whole[: generator.randrange(len(whole))])
        attempt(path)
        changed = bytearray(whole)
        # Most of what is read stands at the start and at the end.
        for place in (generator.randrange(400), generator.randrange(len(whole))):
            changed[min(place, len(whole) - 1)] = generator.randrange(256)
        path.write_bytes(changed)
        attempt(path)


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.name)
def test_real_files(tmp_path, real):
    assert attempt(real) is not None
    attempts(real, tmp_path, 40)


def test_a_keras_archive(tmp_path):
    """Few: each starts a process, for the HDF5 library may crash on it."""
    attempts(MODELS / "digits.keras", tmp_path, 8)


@pytest.mark.parametrize("name", PYTORCH)
def test_files_of_pytorch(tmp_path, torch_files, name):
    attempts(torch_files / name, tmp_path, 40)


def test_a_savedmodel(tmp_path):
    folder = Path(shutil.copytree(MODELS / "savedmodel", tmp_path / "savedmodel"))
    file = folder / "saved_model.pb"
    whole = file.read_bytes()
    generator = random.Random(0)
    for _ in range(60):
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] = generator.randrange(256)
        file.write_bytes(changed)
        attempt(folder)
