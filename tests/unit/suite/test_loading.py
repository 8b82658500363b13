from __future__ import annotations

import dataclasses

import pytest

from harness.core.errors import SuiteError
from harness.core.specs import GateSpec, GoldenSpec, Preprocess, VariantSpec
from harness.suite import find_suite, load_suite

DOCUMENTED = """
[suite]
name = "digits-cnn"
task = "classification"
reference = "keras"

[golden]
data = "data"
classes = "classes.txt"

[golden.preprocess]
scale = 0.0625

[[variant]]
name = "keras"
kind = "original"
path = "models/digits.keras"

[[variant]]
name = "onnx-int8"
kind = "quantized"
path = "models/digits.int8.onnx"
backend = "onnxruntime"
options = { providers = ["CPUExecutionProvider"], graph_optimization_level = "all" }
batch_size = 1
inputs = { image = "serving_default_x:0" }
outputs = { "dense_1" = "StatefulPartitionedCall:2" }
[variant.gate]
min_top1_agreement = 0.99
max_recall_drop = 0.02
"""


def test_the_documented_example_loads(write, tmp_path):
    file = write(DOCUMENTED)
    suite = load_suite(file)
    assert suite.path == file
    assert (suite.name, suite.task, suite.reference) == (
        "digits-cnn",
        "classification",
        "keras",
    )
    assert suite.undecided == "warn"
    assert suite.golden == GoldenSpec(
        data=tmp_path / "data",
        classes=tmp_path / "classes.txt",
        preprocess=Preprocess(scale=0.0625),
    )
    keras, int8 = suite.variants
    assert keras == VariantSpec(
        "keras",
        "original",
        tmp_path / "models/digits.keras",
        line=14,
        isolation="process",
    )
    assert int8 == VariantSpec(
        name="onnx-int8",
        kind="quantized",
        path=tmp_path / "models/digits.int8.onnx",
        line=19,
        backend="onnxruntime",
        isolation="process",
        options={
            "providers": ["CPUExecutionProvider"],
            "graph_optimization_level": "all",
        },
        batch_size=1,
        inputs={"image": "serving_default_x:0"},
        outputs={"dense_1": "StatefulPartitionedCall:2"},
        gate={"min_top1_agreement": 0.99, "max_recall_drop": 0.02},
    )
    assert suite.candidates == (int8,)
    assert suite.variant("onnx-int8") is int8


def test_every_key_that_is_read_can_be_declared(edited, tmp_path):
    file = edited(
        'data = "data"\n',
        'data = "d"\nlabels = "l.npy"\nclasses = "c"\nrecorded = "r"\n'
        "[golden.preprocess]\nscale = 2\noffset = -1.5\ntranspose = [0, 3, 1, 2]\n"
        'dtype = "uint8"\nflatten = true\n',
    )
    golden = load_suite(file).golden
    assert golden == GoldenSpec(
        data=tmp_path / "d",
        labels=tmp_path / "l.npy",
        classes=tmp_path / "c",
        recorded=tmp_path / "r",
        preprocess=Preprocess(2.0, -1.5, (0, 3, 1, 2), "uint8", flatten=True),
    )


def test_a_variant_may_declare_its_own_preprocessing(edited):
    file = edited('path = "models/m.int8.onnx"', 'path = "m"\npreprocess = {}')
    keras, int8 = load_suite(file).variants
    assert keras.preprocess is None  # takes the golden data's
    assert int8.preprocess == Preprocess()  # takes none at all


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("1", 1),
        ('"none"', "none"),
        (
            '{ x = 0, state = 1, "rate:0" = "none" }',
            {"x": 0, "state": 1, "rate:0": "none"},
        ),
        ("{}", {}),
    ],
)
def test_the_axis_of_samples_can_be_declared(edited, text, axes):
    kind = 'kind = "quantized"'
    variants = load_suite(edited(kind, f"{kind}\nbatch_axis = {text}")).variants
    assert [variant.batch_axis for variant in variants] == [None, axes]


LIMITS = [f.name for f in dataclasses.fields(GateSpec) if f.name != "max_drop"]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_of_the_gate_can_be_declared(edited, name):
    kind = 'kind = "quantized"'
    file = edited(kind, f"{kind}\ngate = {{ {name} = 0.6 }}")
    assert load_suite(file).variant("int8").gate == {name: 0.6}


def test_what_metrics_may_lose_can_be_declared(edited):
    kind = 'kind = "quantized"'
    file = edited(kind, f"{kind}\ngate.max_drop = {{ macro_f1 = 0.02 }}")
    variant = load_suite(file).variant("int8")
    assert variant.max_drop == {"macro_f1": 0.02}
    assert variant.gate == {}


def test_undecided_can_be_made_to_fail(edited):
    file = edited('name = "digits"', 'name = "digits"\nundecided = "fail"')
    assert load_suite(file).undecided == "fail"


@pytest.mark.parametrize(
    "header",
    ["[[variant]]", "  [[ variant ]]  # two", '[["variant"]]', "[['variant']]"],
)
def test_a_variant_knows_its_line(write, plain, header):
    # A form feed or a line separator in a comment is no new line in TOML.
    start = "# \N{LINE SEPARATOR} of a comment\n"
    head, _, tail = plain.rpartition("[[variant]]")
    file = write(start + head + header + tail)
    assert [v.line for v in load_suite(file).variants] == [10, 15]


def test_variants_written_inline_are_on_line_one(write, plain):
    head = plain.partition("[golden]")[0]
    inline = '{ name = "keras", kind = "original", path = "m.keras" }'
    file = write(f'variant = [{inline}]\n{head}[golden]\ndata = "d"\n')
    (variant,) = load_suite(file).variants
    assert variant.line == 1


@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_editors_of_other_systems_write_is_read(write, plain, encode, newline):
    file = write(plain.replace("\n", newline).encode(encode))
    assert [v.line for v in load_suite(file).variants] == [9, 14]


@pytest.mark.parametrize("path", ["quality.toml", "."])
def test_paths_may_be_relative_and_name_the_folder(
    write, plain, path, tmp_path, monkeypatch
):
    write(plain)
    monkeypatch.chdir(tmp_path)
    suite = load_suite(path)
    assert suite.path == tmp_path / "quality.toml"
    assert suite.golden.data == tmp_path / "data"


def test_behind_a_link_suite_and_models_lie_under_one_root(write, plain, tmp_path):
    write(plain)
    link = tmp_path / "linked"
    link.symlink_to(tmp_path, target_is_directory=True)
    suite = load_suite(link)
    assert suite.path.parent == tmp_path
    assert suite.variants[0].path == tmp_path / "models/m.keras"


def test_a_linked_model_keeps_its_own_name(edited, tmp_path):
    (tmp_path / "blob").write_bytes(b"")
    (tmp_path / "m.onnx").symlink_to("blob")
    suite = load_suite(edited('"models/m.int8.onnx"', '"m.onnx"'))
    assert suite.variant("int8").path == tmp_path / "m.onnx"


def test_files_outside_are_read_where_that_is_allowed(write, plain, tmp_path):
    outside = plain.replace('"data"', '"../data"')
    with pytest.raises(SuiteError, match="allow_outside"):
        load_suite(write(outside))
    allowed = outside.replace('name = "digits"', 'name = "d"\nallow_outside = true')
    assert load_suite(write(allowed)).golden.data == tmp_path.parent / "data"


class TestFindSuite:
    def test_any_file_is_taken_as_it_is(self, write, plain):
        file = write(plain, "other.name")
        assert find_suite(file) == file

    def test_the_plain_name_goes_before_others(self, write, plain, tmp_path):
        write(plain, "a.quality.toml")
        file = write(plain)
        assert find_suite(tmp_path) == file

    def test_a_single_named_suite_is_found(self, write, plain, tmp_path):
        file = write(plain, "a.quality.toml")
        assert find_suite(tmp_path) == file

    def test_several_are_too_many(self, write, plain, tmp_path):
        write(plain, "b.quality.toml")
        write(plain, "a.quality.toml")
        with pytest.raises(SuiteError, match=r"found: a\.quality\.toml, b\.quality"):
            find_suite(tmp_path)

    def test_an_empty_folder_has_none(self, tmp_path):
        with pytest.raises(SuiteError, match=r"(?s)found: none.*add a quality\.toml"):
            find_suite(tmp_path)

    @pytest.mark.parametrize(
        "name", ["missing.toml", "missing/quality.toml", "x" * 300]
    )
    def test_a_missing_file_is_named(self, tmp_path, name):
        with pytest.raises(SuiteError) as caught:
            find_suite(tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
