import struct

import numpy as np
import pytest

from harness.core.errors import ModelLoadError
from harness.weights import reader_for


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (4, 1, 3, 3), "conv.bias": (4,), "bn.weight": (4,)}
    shapes |= {"bn.bias": (4,), "bn.running_mean": (4,), "bn.running_var": (4,)}
    shapes |= {"fc.weight": (10, 16), "fc.bias": (10,)}
    return {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}


def text_of(arrays, order=">f"):
    """What the exporters of TensorRT's samples print, number by number."""
    lines = [f"{len(arrays)}\n"]
    for name, array in arrays.items():
        numbers = array.ravel().tolist()
        words = "".join(f" {struct.pack(order, number).hex()}" for number in numbers)
        lines.append(f"{name} {len(numbers)}{words}\n")
    return "".join(lines)


@pytest.fixture
def read(tmp_path):
    def make(text):
        path = tmp_path / "m.wts"
        path.write_text(text)
        reader = reader_for("tensorrt-weights")
        return {tensor.name: tensor for tensor in reader(path)}

    return make


def test_numbers_bit_for_bit(read, arrays):
    arrays["fc.bias"][:3] = [np.nan, np.inf, -0.0]
    found = read(text_of(arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == (array.size,)
        assert found[name].load().tobytes() == array.tobytes()


def test_roles_by_names_and_lengths(read, arrays):
    found = read(text_of(arrays))
    assert {name: tensor.role for name, tensor in found.items()} == {
        "conv.weight": "kernel",
        "conv.bias": "bias",
        "bn.weight": "gamma",
        "bn.bias": "beta",
        "bn.running_mean": "running_mean",
        "bn.running_var": "running_variance",
        "fc.weight": "kernel",
        "fc.bias": "bias",
    }


def test_types_and_digits_that_are_left_away(read):
    found = read("3\na 0 3 3f800000 0 bf800000\n\nb 1 2 3c00 8000\r\nc 1 3F000000 \n")
    assert found["a"].load().tolist() == [1, 0, -1]
    assert (found["b"].dtype, found["b"].load().tolist()) == ("float16", [1, -0.0])
    assert found["c"].load().tolist() == [0.5]


def test_long_lines_are_read_in_pieces(read, monkeypatch):
    numbers = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    monkeypatch.setattr("harness.weights.readers.hexadecimal._PIECE", 1000)
    found = read(text_of({"a": numbers, "b": numbers[:1]}))
    np.testing.assert_array_equal(found["a"].load(), numbers)
    np.testing.assert_array_equal(found["b"].load(), numbers[:1])


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda text: text[:-4], "last number of tensor 'fc.bias' is cut short"),
        (lambda text: text[:-40], "'fc.bias' tells of 10 numbers and has"),
        (lambda text: text[: text.index("fc.weight")], "tells of 8 tensors and has 6"),
        (lambda text: text.replace("8\n", "many\n", 1), "first line is no count"),
        (lambda text: text.replace("fc.bias 10", "fc.bias ten"), "no name with a len"),
        (lambda text: text.replace("fc.bias 10", "fc.bias 9"), "of 9 numbers and has"),
    ],
)
def test_text_that_is_cut_short_or_changed(read, arrays, edit, says):
    with pytest.raises(ModelLoadError, match=says) as caught:
        read(edit(text_of(arrays)))
    assert "m.wts" in caught.value.message


@pytest.mark.parametrize("word", ["3f8000zz", "3f8000000", "-0000001"])
def test_words_that_are_no_numbers(read, word):
    with pytest.raises(ModelLoadError, match=r"m.wts.*hexadecimal"):
        [t.load() for t in read(f"1\na 2 3f800000 {word}\n").values()]


def test_little_endian_numbers_are_told(read, arrays):
    with pytest.raises(ModelLoadError, match="numbers look little-endian"):
        read(text_of(arrays, "<f"))
