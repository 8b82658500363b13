"""Inputs as a reader sees them: pictures, lines, words."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from harness.comparison.previews import MOST_POINTS, MOST_TEXT, look


def pixels(sample):
    preview = look(sample).preview("image")
    image = Image.open(io.BytesIO(base64.b64decode(preview.png)))
    assert image.size == preview.size
    return np.asarray(image)


@pytest.mark.parametrize(
    ("shape", "size", "mode"),
    [
        ((8, 8, 1), (8, 8), 2),
        ((1, 28, 28), (28, 28), 2),
        ((3, 32, 40), (40, 32), 3),
        ((224, 200, 3), (48, 48), 3),
        ((16, 16, 4), (16, 16), 3),
        ((12, 40), (40, 12), 2),
    ],
)
def test_pictures_of_either_layout_are_small(shape, size, mode):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    found = pixels(values)
    assert found.shape[:2] == size[::-1]
    assert found.ndim == mode


def test_bytes_are_shown_as_they_are_but_for_a_coarser_step():
    values = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4
    np.testing.assert_allclose(pixels(values), values[..., 0], atol=2)


def test_other_ranges_are_brought_to_black_and_white():
    values = np.linspace(-2.1, 2.6, 64).reshape(8, 8, 1)
    found = pixels(values)
    assert (found.min(), found.max()) == (0, 255)


def test_a_constant_picture_and_one_of_nans_are_pictures():
    assert pixels(np.full((8, 8, 1), 7.0)).max() == 0
    assert pixels(np.full((8, 8, 1), np.nan)).max() == 0


def test_a_signal_keeps_its_peaks():
    wave = np.zeros(16_000)
    wave[5000], wave[9000] = 3.0, -2.0
    (line,) = look(wave).lines
    assert len(line) == MOST_POINTS
    assert (max(line), min(line)) == (3.0, -2.0)
    assert line.index(3.0) < line.index(-2.0)


def test_channels_are_lines_whichever_axis_is_time():
    wave = np.random.default_rng(0).random((400, 3))
    assert look(wave).lines == look(wave.T).lines
    assert len(look(wave).lines) == 3


def test_what_is_not_finite_leaves_a_gap():
    wave = np.arange(20.0)
    wave[3] = np.inf
    (line,) = look(wave).lines
    assert line[3] is None
    assert line[4] == 4.0


def test_few_numbers_are_words():
    assert look(np.array([5.1, 3.5, 1.4, 0.2])).text == "5.1, 3.5, 1.4, 0.2"
    assert look(np.array(7)).text == "7"


def test_texts_are_cut_where_they_are_long():
    assert look(np.array("a short one")).text == "a short one"
    assert look(np.array(["two", "words"])).text == "two words"
    assert len(look(np.array("x" * 10_000)).text) == MOST_TEXT


def test_of_anything_else_the_shape_is_told():
    preview = look(np.zeros((5, 6, 7, 8))).preview("volume")
    assert (preview.shape, preview.png, preview.lines) == ((5, 6, 7, 8), None, ())
    assert look(np.zeros((20,), np.complex64)).preview("z").text is None
