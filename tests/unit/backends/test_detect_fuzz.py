"""Whatever the bytes, detection answers at once or says what is wrong."""

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.backends.detect import detect_form
from harness.backends.forms.table import FORMS
from harness.core.errors import HarnessError

TESTS = Path(__file__).parents[2]
MODELS = TESTS.parent / "golden" / "digits" / "models"
REAL = (
    *(MODELS / "digits.keras", MODELS / "digits.onnx", MODELS / "digits.tflite"),
    *(MODELS / "frozen.pb", MODELS / "savedmodel" / "variables" / "variables.index"),
    *(TESTS / "fixtures" / "oneflow" / "truth.npz",),
    *(TESTS / "fixtures" / "darknet" / "digits.cfg",),
    *(TESTS / "fixtures" / "coreml" / "dense.mlmodel",),
)
SUFFIXES = sorted({suffix for form in FORMS for suffix in form.suffixes})
MAGIC = (
    b"",
    b"PK\x03\x04",
    b"\x08\x09",
    b"\x0a",
    b"{",
    b"<net ",
    b"\x80\x02",
    b"[net]",
)


def attempt(path):
    """Its form's name, or None where an error of ours says why not."""
    try:
        return detect_form(path).name
    except HarnessError:
        return None


@given(
    start=st.sampled_from(MAGIC),
    rest=st.binary(max_size=200),
    suffix=st.sampled_from(["", *SUFFIXES]),
)
def test_random_bytes(tmp_path_factory, start, rest, suffix):
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(start + rest)
    attempt(path)


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.name)
def test_real_files_cut_or_changed_anywhere(tmp_path, real):
    whole = real.read_bytes()
    generator = random.Random(0)
    path = tmp_path / real.name
    for _ in range(60):
        path.write_bytes(whole[: generator.randrange(len(whole))])
        attempt(path)
        changed = bytearray(whole)
        for _ in range(generator.randrange(1, 20)):
            changed[generator.randrange(len(whole))] = generator.randrange(256)
        path.write_bytes(changed)
        attempt(path)


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.name)
def test_a_suffix_never_decides_what_a_file_is(tmp_path, real):
    form = detect_form(real)
    for suffix in SUFFIXES:
        path = shutil.copy(real, tmp_path / f"m{suffix}")
        assert attempt(Path(path)) in {form.name, None}


@pytest.mark.parametrize(
    "text",
    [
        *(
            " ",
            "\n",
            "\t\n",
            "node",
            "node ",
            "layer {",
            "[",
            "<!---->",
            "<?x?>",
            "# \n",
        ),
        *('{"class_name"', "a:", "1\n", "1\na 9 ", "<!--", "]]", "op: ", "\ufeff"),
    ],
)
def test_long_texts_of_one_piece_take_no_time(tmp_path, text):
    """Each pattern is linear: a quadratic one would take minutes on 64 KiB."""
    path = tmp_path / "m.txt"
    path.write_text(text * (65_536 // len(text)), encoding="utf-8")
    attempt(path)


@pytest.mark.parametrize("suffix", ["", ".pb", ".h5", ".npz"])
def test_folders_with_the_suffix_of_a_file(tmp_path, suffix):
    folder = tmp_path / f"m{suffix}"
    folder.mkdir()
    assert attempt(folder) is None
