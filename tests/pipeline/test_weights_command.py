"""`harness weights`: one file described, two held against each other, any form."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.core.codec import from_json
from harness.core.weight_report import WeightsReport
from harness.weights import READERS

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "golden" / "digits" / "models"
FIXTURES = ROOT / "tests" / "fixtures"
FORMS = [
    *("digits.keras", "savedmodel", "frozen.pb", "digits.tflite", "digits-int8.tflite"),
    *("digits.onnx", "digits-fp16.onnx", "digits-int8-static.onnx"),
]


def shown(result):
    return result.stdout.splitlines()


def lines_fit(result):
    return max(map(len, shown(result))) <= 80


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_any_form_is_described(small, name):
    result = small.invoke("weights", DIGITS / name)
    assert result.exit_code == 0, result.output
    assert "weights" in shown(result)[0] or "weights" in shown(result)[1]
    assert "keep the first in float" in result.stdout
    table = [line for line in shown(result) if not line.startswith(str(DIGITS))]
    assert max(map(len, table[2:])) <= 80


@pytest.mark.parametrize("name", FORMS[1:])
def test_every_form_is_the_original_but_for_rounding(small, name):
    result = small.invoke("weights", DIGITS / "digits.keras", DIGITS / name)
    assert result.exit_code == 0, result.output
    assert " 0 drifted" in result.stdout
    assert "only in" not in result.stdout
    assert shown(result)[-1] == "the weights are the same but for rounding"


@pytest.fixture
def pair(tmp_path):
    """A model and a copy, both as safetensors; the function that writes them."""
    rng = np.random.default_rng(1)
    weights = {f"l{k}.weight": rng.normal(0, 0.1, (12, 7 + k)) for k in range(40)}
    weights = {name: w.astype(np.float32) for name, w in weights.items()}

    def write(**changes):
        save_file(weights, tmp_path / "one.safetensors")
        save_file({**weights, **changes}, tmp_path / "two.safetensors")
        return tmp_path / "one.safetensors", tmp_path / "two.safetensors"

    write.weights = weights
    return write


def changed(pair):
    wrong = pair.weights["l3.weight"].copy()
    wrong[2, 5] += 1
    return pair(**{"l3.weight": wrong})


def test_what_moved_is_exit_code_1_and_stands_first(small, pair):
    result = small.invoke("weights", *changed(pair))
    assert result.exit_code == 1
    assert "40 of 40 tensors matched: 39 equal, 0 within rounding, 1 drifted" in (
        result.stdout
    )
    assert "[2, 5]" in result.stdout
    assert shown(result)[-1] == "the weights differ"


def test_nan_is_exit_code_1_and_named(small, pair):
    holed = pair.weights["l7.weight"].copy()
    holed[0, :3] = np.nan
    one, two = pair(**{"l7.weight": holed})
    alone = small.invoke("weights", two)
    assert alone.exit_code == 1
    assert "NaN or infinite: l7.weight" in alone.stdout
    assert "3 NaN or infinite" in alone.stdout
    together = small.invoke("weights", one, two)
    assert together.exit_code == 1
    assert "FAULT: weights.nonfinite" in together.stdout


def test_channels_that_all_layers_reorder_alike_are_a_note(small, tmp_path):
    rng = np.random.default_rng(4)
    first, bias = rng.normal(0, 0.1, (16, 7)), rng.normal(0, 0.1, 16)
    second, order = rng.normal(0, 0.1, (5, 16)), rng.permutation(16)
    names = ("fc1.weight", "fc1.bias", "fc2.weight")
    for file, arrays in (
        ("one", (first, bias, second)),
        ("two", (first[order], bias[order], second[:, order])),
    ):
        named = zip(names, arrays, strict=True)
        kept = {name: np.float32(array).copy() for name, array in named}
        save_file(kept, tmp_path / f"{file}.safetensors")
    paths = (tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    result = small.invoke("weights", *paths)
    assert result.exit_code == 0, result.output
    assert "note: " in result.stdout
    assert "FAULT" not in result.stdout


def test_values_rounded_to_float16_are_a_note(small, pair):
    rounded = {
        name: w.astype(np.float16).astype(np.float32)
        for name, w in pair.weights.items()
    }
    result = small.invoke("weights", *pair(**rounded))
    assert result.exit_code == 0, result.output
    assert "FAULT" not in result.stdout


def test_two_strangers_share_nothing(small, tmp_path):
    for name, size in (("a", 11), ("b", 13)):
        values = np.linspace(-1, 1, size * 3, dtype=np.float32).reshape(3, size)
        save_file({f"{name}.weight": values}, tmp_path / f"{name}.safetensors")
    paths = (tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    result = small.invoke("weights", *paths)
    assert result.exit_code == 1
    assert "0 of 1 tensor matched" in result.stdout
    assert "only in the reference: a.weight" in result.stdout


def test_a_long_table_is_cut_and_says_so(small, pair):
    one, _ = pair()
    result = small.invoke("weights", one, "--top", 5, "--formats", "none")
    assert "and 35 smaller tensors: --top 0 shows all" in result.stdout
    assert "l39.weight" in result.stdout
    assert "l1.weight" not in result.stdout
    whole = small.invoke("weights", one, "--top", 0, "--formats", "none")
    assert "l1.weight" in whole.stdout


def test_the_json_holds_everything_and_reads_back(small, pair, tmp_path):
    file = tmp_path / "out" / "weights.json"
    small.invoke("weights", *changed(pair), "--json", file, "--formats", "int8")
    record = json.loads(file.read_text(encoding="utf-8"))
    report = from_json(WeightsReport, record)
    assert report.model.form == "safetensors"
    assert len(report.other.tensors) == 40
    assert [d.name for d in report.comparison.drift if d.n_changed] == ["l3.weight"]
    assert {harm.format for harm in report.other.harm} == {"int8"}
    assert report.wrong


def test_the_csv_has_a_row_a_tensor_with_its_drift(small, pair, tmp_path):
    file = tmp_path / "weights.csv"
    result = small.invoke("weights", *changed(pair), "--csv", file)
    assert f"csv: {file}" in result.stdout
    with file.open(encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 40
    assert rows["l3.weight"]["drift.verdict"] == "drifted"
    assert rows["l4.weight"]["drift.verdict"] == "same"
    assert float(rows["l4.weight"]["std"]) == pytest.approx(
        pair.weights["l4.weight"].std()
    )


def test_formats_are_tried_by_name(small, pair):
    one, _ = pair()
    result = small.invoke("weights", one, "--formats", "int4-channel, float8_e4m3")
    assert "int4-channel: the noise" in result.stdout
    assert "float8_e4m3: the noise" in result.stdout
    assert "\nint8" not in result.stdout
    wrong = small.invoke("weights", one, "--formats", "int3")
    assert wrong.exit_code == 2
    assert "'int3' is no number format; there are float16" in wrong.stderr


def test_shards_are_named_by_their_index(small, pair, tmp_path):
    one, two = pair()
    index = {"weight_map": dict.fromkeys(pair.weights, one.name)}
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(index), encoding="utf-8")
    result = small.invoke("weights", path, two)
    assert result.exit_code == 0, result.output
    assert "40 of 40 tensors matched: 40 equal" in result.stdout


def test_a_form_can_be_said(small, tmp_path):
    odd = tmp_path / "weights.dat"
    shutil.copy(DIGITS / "digits.onnx", odd)
    result = small.invoke("weights", odd, "--form", "onnx", "--top", 1)
    assert result.exit_code == 0, result.output
    assert "(onnx): 8 tensors" in " ".join(result.stdout.split())
    wrong = small.invoke("weights", odd, "--form", "onxn")
    assert wrong.exit_code in {2, 3}
    assert "'onxn'" in wrong.stderr
    assert ", onnx," in wrong.stderr


def test_a_form_without_weights_says_which_have_them(small, tmp_path):
    pickle = tmp_path / "model.pkl"
    pickle.write_bytes(b"\x80\x04N.")
    result = small.invoke("weights", pickle)
    assert result.exit_code != 0
    assert "whose weights are not read" in result.stderr
    assert "forms that are read: " in result.stderr


def test_a_quantized_model_is_audited(small):
    for name in ("digits-int8-static.onnx", "digits-int8.tflite"):
        result = small.invoke("weights", DIGITS / "digits.keras", DIGITS / name)
        assert "audit of the scales and codes of 8 weights" in result.stdout
        assert "nothing found" in result.stdout
    assert "audit" not in small.invoke("weights", DIGITS / "digits.onnx").stdout


def whole_files():
    """A committed file of each form, by the form's name."""
    found = {
        "keras": DIGITS / "digits.keras",
        "onnx": DIGITS / "digits.onnx",
        "litert": DIGITS / "digits.tflite",
        "graphdef": DIGITS / "frozen.pb",
        "savedmodel": DIGITS / "savedmodel",
        "coreml": FIXTURES / "coreml" / "net.mlmodel",
        "coreml-package": FIXTURES / "coreml" / "net.mlpackage",
        "darknet-weights": FIXTURES / "darknet" / "digits.weights",
        "oneflow": FIXTURES / "oneflow" / "snapshot",
    }
    return found.items()


def _holds_weights(file):
    return ".data-" in file.name or file.suffix == ".bin" or file.name == "out"


@pytest.mark.parametrize(("form", "source"), whole_files())
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_file_is_one_clear_error(small, tmp_path, form, source, share):
    assert form in READERS
    path = tmp_path / source.name
    if source.is_dir():
        shutil.copytree(source, path)
        files = [file for file in path.rglob("*") if _holds_weights(file)]
        cut = max(files, key=lambda file: file.stat().st_size)
    else:
        cut = Path(shutil.copy(source, path))
        # What a form needs beside its numbers is whole.
        for beside in source.parent.glob(f"{source.stem}.cfg"):
            shutil.copy(beside, tmp_path)
    data = cut.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    result = small.invoke("weights", path, "--form", form)
    assert result.exit_code in (2, 3), result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert str(path) in result.stderr
    assert "Hint: " in result.stderr
