"""The same samples in every form of golden data give the same report."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper
from PIL import Image

from harness.core.codec import to_json
from harness.core.specs import GoldenSpec, RunOptions
from harness.golden.create import About, create
from harness.golden.source import open_golden
from harness.pipeline import evaluate

DIGITS = Path(__file__).parents[2] / "golden" / "digits"
SUITE = """\
[suite]
name = "digits"
task = "classification"
reference = "float"

[golden]
data = "{data}"
classes = "classes.txt"
preprocess = {{ scale = 0.0625 }}
{more}

[[variant]]
name = "float"
kind = "original"
path = "digits.onnx"

[[variant]]
name = "int8"
kind = "quantized"
path = "digits-int8-static.onnx"
"""


@pytest.fixture(scope="module")
def samples():
    """60 digits, class by class as folders are read, pixels as bytes."""
    chunk = next(open_golden(GoldenSpec(DIGITS / "data")).chunks(60))
    order = np.argsort(chunk.labels, kind="stable")
    labels = chunk.labels[order]
    names = [f"{label}/{i:03d}.png" for i, label in enumerate(labels)]
    pixels = chunk.inputs["image"][order].astype(np.uint8)
    return {"image": pixels, "label": labels, "sample_id": np.array(names)}


@pytest.fixture
def report(tmp_path, samples):
    """Judges a suite over data that a function writes; gives what must agree."""
    for path in ("models/digits.onnx", "models/digits-int8-static.onnx", "classes.txt"):
        shutil.copy(DIGITS / path, tmp_path)

    def judged(write, more=""):
        data = write(tmp_path, samples)
        suite = tmp_path / "quality.toml"
        suite.write_text(SUITE.format(data=data, more=more))
        options = RunOptions(isolation="none", diagnose=False)
        return comparable(evaluate(suite, options))

    return judged


def comparable(report):
    record = to_json(report)
    del record["provenance"], record["golden"]["digest"]
    for variant in record["variants"]:
        del variant["seconds_per_sample"]
        # Said of data behind a URL alone: whether they have slices is not known before.
        variant["skipped_checks"].pop("per_slice", None)
    return record


def npz(folder, samples):
    np.savez(folder / "data.npz", **samples)
    return "data.npz"


def unnamed_npz(folder, samples):
    np.savez(folder / "data.npz", image=samples["image"], label=samples["label"])
    return "data.npz"


def images(folder, samples):
    for pixels, name in zip(samples["image"], samples["sample_id"], strict=True):
        file = folder / "images" / str(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[:, :, 0]).save(file)
    return "images"


def manifest(folder, samples):
    spec = GoldenSpec(folder / images(folder, samples), options={"mode": "L"})
    create(spec, folder / "set", About("digits"), shard_rows=25)
    return "set"


def tar(folder, samples):
    """Shards as WebDataset has them: a picture, its class, and its name."""
    for index, rows in enumerate((range(25), range(25, 60))):
        with tarfile.open(folder / f"digits-{index}.tar", "w") as archive:
            for row in rows:
                stream = io.BytesIO()
                Image.fromarray(samples["image"][row, :, :, 0]).save(stream, "png")
                about = {"sample_id": str(samples["sample_id"][row])}
                for kind, content in (
                    ("png", stream.getvalue()),
                    ("cls", str(samples["label"][row]).encode()),
                    ("json", json.dumps(about).encode()),
                ):
                    info = tarfile.TarInfo(f"{row:03}.{kind}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
    return "digits-{0..1}.tar"


def shards(form):
    def write(folder, samples):
        spec = GoldenSpec(folder / npz(folder, samples))
        create(spec, folder / "set", About("digits"), shard_rows=25, form=form)
        return "set"

    return write


def arrow_table(samples):
    image = pa.FixedShapeTensorArray.from_numpy_ndarray(samples["image"])
    return pa.table(
        {
            "image": image,
            "label": samples["label"],
            "sample_id": pa.array(samples["sample_id"].tolist()),
        }
    )


def parquet(folder, samples):
    pq.write_table(arrow_table(samples), folder / "data.parquet", row_group_size=17)
    return "data.parquet"


def parquet_lists(folder, samples):
    columns = {
        "image": pa.array(list(samples["image"].reshape(60, 64))),
        "label": samples["label"],
        "sample_id": pa.array(samples["sample_id"].tolist()),
    }
    pq.write_table(pa.table(columns), folder / "data.parquet", row_group_size=17)
    return "data.parquet"


def onnx_sets(folder, samples):
    for index, rows in enumerate((slice(0, 25), slice(25, 60))):
        path = folder / "cases" / f"test_data_set_{index}"
        path.mkdir(parents=True)
        tensor = numpy_helper.from_array(samples["image"][rows], "image")
        onnx.save_tensor(tensor, path / "input_0.pb")
    np.save(folder / "labels.npy", samples["label"])
    return "cases"


def behind_a_url(folder, samples):
    raw = io.BytesIO()
    np.savez(raw, **samples)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sets/data.npz", raw.getvalue())
    with fsspec.open("memory://agree/sets.zip", "wb") as stream:
        stream.write(packed.getvalue())
    return "zip://sets/data.npz::memory://agree/sets.zip"


@pytest.mark.parametrize(
    ("write", "more"),
    [
        (images, 'options = { mode = "L" }'),
        (manifest, ""),
        (tar, 'options = { mode = "L" }'),
        (shards("parquet"), ""),
        (shards("tar"), ""),
        (parquet, ""),
        (parquet_lists, "options = { shapes = { image = [8, 8, 1] } }"),
        (behind_a_url, ""),
    ],
)
def test_every_form_gives_the_report_of_the_npz(report, write, more):
    assert report(write, more) == report(npz)


def test_onnx_test_data_give_the_report_of_the_npz(report):
    assert report(onnx_sets, 'labels = "labels.npy"') == report(unnamed_npz)
