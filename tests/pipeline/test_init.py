"""``harness init``: what it writes loads, runs, and says what was found."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from skops.io import dump

from harness.core.specs import GateSpec
from harness.pipeline.guesses import scale_of
from harness.suite import load_suite
from harness.suite.writing import Draft, DraftVariant, Prepared, render_draft

GOLDEN = Path(__file__).parents[2] / "golden" / "digits"


@pytest.fixture
def init(small, tmp_path):
    """``harness init`` into a new folder; returns the result and the folder."""

    def call(reference, candidate, data, *more, folder=tmp_path / "new"):
        named = ("--reference", reference, "--candidate", candidate, "--data", data)
        return small.invoke("init", folder, *named, *more), folder

    return call


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        ("digits-optimized.onnx", "optimized"),
        ("digits-fp16.onnx", "quantized"),
        ("digits-int8-dynamic.onnx", "quantized"),
        ("frozen.pb", "frozen"),
        ("digits.tflite", "converted"),
        ("digits-int8.tflite", "quantized"),
        ("savedmodel", "converted"),
    ],
)
def test_the_digits_models_get_their_kind(init, candidate, kind):
    models = GOLDEN / "models"
    result, folder = init(models / "digits.onnx", models / candidate, GOLDEN / "data")
    assert result.exit_code == 0, result.output
    suite = load_suite(folder)
    assert suite.task == "classification"
    assert [variant.kind for variant in suite.variants] == ["original", kind]
    assert suite.variants[1].batch_size == (1 if "dynamic" in candidate else None)


@pytest.mark.parametrize(
    ("reference", "candidate", "scale"),
    [
        ("digits.onnx", "digits-optimized.onnx", None),
        ("digits.onnx", "digits-fp16.onnx", None),
        ("digits.onnx", "digits-int8-dynamic.onnx", None),
        ("digits.onnx", "digits-int8-static.onnx", 1 / 16),
        ("digits.onnx", "digits.tflite", None),
        ("digits.keras", "digits.onnx", None),
        ("digits.keras", "digits-int8.tflite", 1 / 16),
    ],
)
def test_the_suite_runs_at_once_and_passes(
    init, small, tmp_path, reference, candidate, scale
):
    shutil.copytree(GOLDEN / "models", tmp_path / "models")
    shutil.copytree(GOLDEN / "data", tmp_path / "data")
    models = tmp_path / "models"
    pair = (models / reference, models / candidate)
    result, folder = init(*pair, tmp_path / "data", folder=tmp_path)
    # What a quantized model takes, its file tells; of others a scale is offered.
    assert load_suite(folder).golden.preprocess.scale == scale
    assert f"next: harness run {folder}" in result.output
    assert "allow_outside" not in (folder / "quality.toml").read_text()
    run = small.invoke("run", folder)
    assert run.exit_code == 0, run.output
    assert "1 passed" in run.output


def test_an_estimator_and_its_onnx_run_at_once_and_pass(init, small, tmp_path):
    rng = np.random.default_rng(0)
    label = np.arange(120) % 3
    x = rng.normal(0, 0.3, (120, 4)).astype(np.float32)
    x[np.arange(120), label] += 1
    model = LogisticRegression().fit(x, label)
    dump(model, tmp_path / "model.skops")
    shape = [("x", FloatTensorType([None, 4]))]
    onnx.save(
        to_onnx(model, initial_types=shape, options={"zipmap": False}),
        tmp_path / "model.onnx",
    )
    np.savez(tmp_path / "golden.npz", x=x, label=label)
    pair = (tmp_path / "model.skops", tmp_path / "model.onnx")
    result, folder = init(*pair, tmp_path / "golden.npz", folder=tmp_path)
    assert result.exit_code == 0, result.output
    run = small.invoke("run", folder)
    assert run.exit_code == 0, run.output
    assert "1 passed" in run.output


def test_a_variant_of_its_own_preprocessing_is_scaled_as_well(init, release, small):
    """What a variant declares replaces all of what the golden data declare."""
    shutil.copy(GOLDEN / "models" / "digits-int8-static.onnx", release.folder)
    turned = release.model("turned.onnx", small.classifier(shape=("n", 1, 8, 8)))
    with np.load(next((GOLDEN / "data").glob("*.npz"))) as golden:
        release.data(image=golden["image"][:8])
    static = release.folder / "digits-int8-static.onnx"
    _, folder = init(static, turned, release.folder / "golden.npz")
    suite = load_suite(folder)
    assert suite.golden.preprocess.scale == 1 / 16
    assert suite.variants[1].preprocess.transpose == (0, 3, 1, 2)
    assert suite.variants[1].preprocess.scale == 1 / 16


@pytest.mark.parametrize(
    ("full", "ends", "expected"),
    [
        (16, (0.0, 1.0), (1 / 16, 0.0)),
        (255, (0.0, 0.996), (1 / 255, 0.0)),
        (255, (-1.0, 0.992), (2 / 255, -1.0)),
        (255, (0.0, 255.0), None),
        (255, (-2.1, 2.6), None),
        (1, (0.0, 1.0), None),
    ],
)
def test_a_scale_is_guessed_where_a_range_says_so(full, ends, expected):
    assert scale_of(full, ends) == expected


def test_data_without_labels_make_a_suite_of_numbers(init, release, small):
    data = release.data(x=small.samples()["x"])
    pair = (release.folder / "reference.onnx", release.folder / "candidate.onnx")
    _, folder = init(*pair, data)
    assert load_suite(folder).task == "tensor"
    assert "min_top1_agreement" not in (folder / "quality.toml").read_text()
    assert small.invoke("run", folder).exit_code == 0


def test_labels_may_lie_in_a_file_of_their_own(init, release, small):
    data = release.data(x=small.samples()["x"])
    labels = release.folder / "labels.npy"
    np.save(labels, small.samples()["label"])
    pair = (release.folder / "reference.onnx", release.folder / "candidate.onnx")
    _, folder = init(*pair, data, "--labels", labels)
    assert load_suite(folder).task == "classification"
    assert small.invoke("run", folder).exit_code == 0


def test_bytes_are_cast_and_a_scale_is_only_offered(init, release, small):
    images = np.random.default_rng(0).integers(0, 256, (12, 2, 2), dtype=np.uint8)
    shaped = small.classifier(shape=("n", 2, 2), flatten=True)
    one, two = release.model("a.onnx", shaped), release.model("b.onnx", shaped)
    data = release.data(x=images, label=np.arange(12) % 3)
    _, folder = init(one, two, data)
    text = (folder / "quality.toml").read_text()
    assert load_suite(folder).golden.preprocess.dtype == "float32"
    assert load_suite(folder).golden.preprocess.scale is None
    assert "# scale = 0.0039" in text
    assert small.invoke("run", folder).exit_code == 0
    offered = text.replace("# scale", "scale").replace("# offset", "offset")
    (folder / "quality.toml").write_text(offered)
    assert load_suite(folder).golden.preprocess.scale == 1 / 255
    assert small.invoke("run", folder).exit_code == 0


def test_channels_are_moved_for_the_variant_that_has_them_elsewhere(
    init, release, small
):
    def flat(shape):
        return small.classifier(shape=shape, flatten=True)

    first = release.model("last.onnx", flat(("n", 1, 2, 2)))
    second = release.model("first.onnx", flat(("n", 2, 2, 1)))
    data = release.data(image=np.ones((6, 2, 2, 1), np.float32))
    _, folder = init(first, second, data)
    suite = load_suite(folder)
    assert suite.golden.preprocess.transpose == (0, 3, 1, 2)
    assert suite.variants[1].preprocess.transpose is None
    assert small.invoke("run", folder).exit_code == 0


def test_inputs_of_other_names_are_bound(init, release, two_inputs, small):
    one = release.model("one.onnx", two_inputs("a", "b"))
    two = release.model("two.onnx", two_inputs("serving_default_a:0", "other"))
    rng = np.random.default_rng(0)
    data = release.data(
        a=rng.normal(size=(8, 2)).astype(np.float32),
        b=rng.normal(size=(8, 3)).astype(np.float32),
    )
    _, folder = init(one, two, data)
    bound = load_suite(folder).variants[1].inputs
    assert bound == {"a": "serving_default_a:0", "b": "other"}
    assert small.invoke("run", folder).exit_code == 0


def test_inputs_that_cannot_be_told_apart_are_left_to_the_reader(
    init, release, two_inputs
):
    one = release.model("one.onnx", two_inputs("a", "b", widths=(2, 2)))
    two = release.model("two.onnx", two_inputs("p", "q", widths=(2, 2)))
    data = release.data(a=np.ones((4, 2), np.float32), b=np.ones((4, 2), np.float32))
    _, folder = init(one, two, data)
    assert load_suite(folder).variants[1].inputs == {}
    assert "cannot be told: say it by inputs" in (folder / "quality.toml").read_text()


@pytest.fixture
def two_inputs():
    """(n, 2) and (n, 3) -> their columns beside each other."""

    def make(first, second, widths=(2, 3)):
        value = onnx.helper.make_tensor_value_info
        real = onnx.TensorProto.FLOAT
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Concat", [first, second], ["y"], axis=1)],
            "pair",
            [
                value(first, real, ["n", widths[0]]),
                value(second, real, ["n", widths[1]]),
            ],
            [value("y", real, ["n", sum(widths)])],
        )
        opsets = [onnx.helper.make_opsetid("", 18)]
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)

    return make


class TestRefusing:
    @pytest.fixture
    def files(self, release):
        names = ("reference.onnx", "candidate.onnx", "golden.npz")
        return [release.folder / name for name in names]

    def test_a_suite_that_is_there_stays_unless_forced(self, init, release, files):
        before = release.suite.read_bytes()
        result, _ = init(*files, folder=release.folder)
        assert result.exit_code == 2
        assert "exists, and is not written over" in result.stderr
        assert "--force" in result.stderr
        assert release.suite.read_bytes() == before
        result, _ = init(*files, "--force", folder=release.folder)
        assert result.exit_code == 0
        assert release.suite.read_bytes() != before

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_nothing_is_written_where_a_file_is_broken(self, init, files, place):
        files[place].write_bytes(b"\x08\x09broken")
        result, folder = init(*files)
        assert result.exit_code in (2, 3)
        assert files[place].name in result.stderr
        assert not folder.exists()

    def test_a_missing_model(self, init, files):
        files[1].unlink()
        result, folder = init(*files)
        assert (result.exit_code, folder.exists()) == (3, False)
        assert "candidate.onnx" in result.stderr

    def test_a_file_in_place_of_the_folder(self, init, files):
        result, _ = init(*files, folder=files[2])
        assert result.exit_code == 2
        assert "is a file" in result.stderr


def test_a_name_that_no_suite_takes_is_made_one_that_it_does(init, release):
    odd = release.folder / 'a[b]"c\n.onnx'
    shutil.copy(release.folder / "candidate.onnx", odd)
    reference = release.folder / "reference.onnx"
    _, folder = init(reference, odd, release.folder / "golden.npz")
    assert load_suite(folder).variants[1].path == odd


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(texts, texts, texts, st.booleans())
def test_whatever_names_say_the_file_is_toml_of_the_same_names(
    name, path, golden, preprocessed
):
    prepared = Prepared((0, 2, 1), "float32", "why", ("hint",))
    variants = (
        DraftVariant("reference", "original", path),
        DraftVariant("other", "quantized", path, (), GateSpec(), {golden: name}, 1),
    )
    draft = Draft(
        *(name, "tensor", "numbers", path, "360 samples", golden),
        *(prepared if preprocessed else Prepared(), True, variants),
    )
    written = tomllib.loads(render_draft(draft))
    assert written["suite"]["name"] == name
    assert written["golden"]["labels"] == golden
    assert ("preprocess" in written["golden"]) == preprocessed
    assert written["variant"][1]["inputs"] == {golden: name}
    assert written["variant"][1]["path"] == path
