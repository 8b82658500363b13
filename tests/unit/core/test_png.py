import io

import numpy as np
import pytest
from PIL import Image

from harness.core.png import painted, picture


def read(png):
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize("channels", [1, 3])
def test_another_reader_reads_the_same_pixels(channels):
    shape = (5, 7, channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = np.asarray(read(picture(7, 5, pixels.tobytes())))
    np.testing.assert_array_equal(found.reshape(shape), pixels)


def test_colours_of_a_palette_keep_their_opacity():
    palette = ((0, 0, 0, 0), (214, 94, 0, 128), (34, 113, 200, 255))
    image = read(painted(3, 2, bytes((0, 1, 2, 2, 1, 0)), palette)).convert("RGBA")
    assert [image.getpixel((x, 0)) for x in range(3)] == list(palette)
    assert image.getpixel((0, 1)) == palette[2]


def test_the_same_pixels_give_the_same_bytes():
    assert picture(2, 1, b"ab") == picture(2, 1, b"ab")
