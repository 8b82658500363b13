from pathlib import Path

import numpy as np
import pytest

from harness.backends.litert_ import open_session

pytest.importorskip("ai_edge_litert", reason="needs the litert extra")

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
FLOAT, INT8 = MODELS / "digits.tflite", MODELS / "digits-int8.tflite"
SCALE, ZERO_POINT = 0.003921568859368563, -128


@pytest.fixture
def images():
    return np.random.default_rng(0).random((6, 8, 8, 1)).astype(np.float32)


def test_names_are_those_of_the_signature():
    session = open_session(INT8, {})
    assert [spec.name for spec in session.inputs] == ["image"]
    assert [spec.name for spec in session.outputs] == ["probabilities"]
    assert session.inputs[0].dtype == session.outputs[0].dtype == "float32"
    assert session.batch_size is None


def test_quantization_is_recorded():
    runtime = open_session(INT8, {}).runtime
    assert runtime["quantized.image"] == "int8, scale 0.00392157, zero point -128"
    assert "quantized.image" not in open_session(FLOAT, {}).runtime


def test_floats_answer_as_the_integers_they_stand_for(images):
    session = open_session(INT8, {})
    integers = np.round(images / np.float32(SCALE)) + ZERO_POINT
    quantized = np.clip(integers, -128, 127).astype(np.int8)
    from_floats = session.run({"image": images}, slice(0, 6))["probabilities"]
    from_integers = session.run({"image": quantized}, slice(0, 6))["probabilities"]
    np.testing.assert_array_equal(from_floats, from_integers)
    steps = from_floats * 256
    np.testing.assert_array_equal(steps, np.round(steps))


def test_halves_are_rounded_away_from_zero_and_ends_saturate():
    session = open_session(INT8, {})
    step = np.float32(SCALE)
    values = np.array([0.5 * step, 2.5 * step, 9.0, -9.0], np.float32)
    grid = np.array([1, 3, 255, 0]) + ZERO_POINT
    image = np.resize(values, (1, 8, 8, 1))
    integers = np.resize(grid, (1, 8, 8, 1)).astype(np.int8)
    one = session.run({"image": image}, slice(0, 1))["probabilities"]
    other = session.run({"image": integers}, slice(0, 1))["probabilities"]
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("path", [FLOAT, INT8], ids=["float", "int8"])
def test_batches_of_changing_size(path, images):
    session = open_session(path, {})
    whole = session.run({"image": images}, slice(0, 6))["probabilities"]
    for rows in (slice(0, 1), slice(1, 4), slice(4, 6), slice(0, 6)):
        part = session.run({"image": images[rows]}, rows)["probabilities"]
        np.testing.assert_allclose(part, whole[rows], atol=1e-6)


def test_kernels_and_threads_are_recorded():
    runtime = open_session(INT8, {"kernels": "reference", "num_threads": 2}).runtime
    assert runtime["kernels"] == "reference"
    assert runtime["num_threads"] == 2


def test_opening_prints_nothing(capfd):
    open_session(FLOAT, {})
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
