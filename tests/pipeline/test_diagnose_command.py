"""``harness diagnose``: what it says of two files, in words, JSON and exit codes."""

from __future__ import annotations

import json
import warnings

import jsonschema
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.core.codec import from_json
from harness.core.findings import DriftReport
from harness.report.schema import report_schema

node = helper.make_node
LOWEST = np.finfo(np.float32).min


def stem(*, guarded=False):
    """Zero padding in front of max pooling; `guarded`, so that it cannot be fused."""
    rng = np.random.default_rng(1)
    arrays = {
        "kernel": rng.normal(0, 0.2, (3, 1, 3, 3)).astype(np.float32),
        "bias": np.full(3, -0.5, np.float32),
        "dense": rng.normal(0, 2, (3, 3)).astype(np.float32),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "lowest": np.array(LOWEST, np.float32),
    }
    nodes = [
        node("Conv", ["image", "kernel", "bias"], ["c"], "conv"),
        node("Pad", ["c", "pads"], ["p"], "pad"),
        *([node("Max", ["p", "lowest"], ["q"], "guard")] if guarded else []),
        node(
            "MaxPool",
            ["q" if guarded else "p"],
            ["m"],
            "pool",
            kernel_shape=[3, 3],
            strides=[2, 2],
        ),
        node("GlobalAveragePool", ["m"], ["g"], "mean"),
        node("Flatten", ["g"], ["f"], "flatten"),
        node("MatMul", ["f", "dense"], ["logits"], "dense"),
        node("Softmax", ["logits"], ["scores"], "softmax"),
    ]
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 12, 12])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9)


@pytest.fixture
def pair(tmp_path, small):
    """Two files and golden data; call it to diagnose them."""
    images = np.random.default_rng(0).uniform(0, 1, (90, 1, 12, 12)).astype("f")
    names = np.array(["ant", "bee", "cat"])
    np.savez(tmp_path / "golden.npz", image=images, classes=names)
    onnx.save(stem(guarded=True), tmp_path / "reference.onnx")
    onnx.save(stem(), tmp_path / "candidate.onnx")

    def diagnose(*arguments, reference="reference.onnx", candidate="candidate.onnx"):
        models = (tmp_path / reference, tmp_path / candidate)
        data = ("--data", tmp_path / "golden.npz")
        return small.invoke("diagnose", *models, *data, *arguments)

    diagnose.folder = tmp_path
    return diagnose


def test_a_fault_of_the_runtime_is_a_card_and_exit_code_1(pair):
    result = pair()
    assert result.exit_code == 1
    assert max(map(len, result.stdout.splitlines())) <= 80
    words = " ".join(result.stdout.split())
    for part in (
        "DRIFT:",
        "on 64 samples",
        "CAUSE FUS001 runtime.fusion at MaxPool 'pool'",
        "it is Pad_Fusion, which takes in Pad 'pad'",
        "reference Pad 'pad', then MaxPool 'pool'",
        "candidate MaxPool 'pool' alone, with pads [1, 1, 1, 1]",
        "proof proven: set disabled_optimizers to Pad_Fusion",
        "manual docs/drift/FUS001.md",
    ):
        assert part in words, part


def test_what_it_wrote_is_shown_again(pair, small):
    file = pair.folder / "drift.json"
    said = pair("--json", file).stdout
    again = small.invoke("report", file)
    assert again.exit_code == 0
    assert again.stdout == said
    refused = small.invoke("report", file, "--html", pair.folder / "drift.html")
    assert refused.exit_code == 2
    assert "a diagnosis is shown in the terminal alone" in refused.stderr


def test_the_json_holds_findings_of_the_report_s_shape(pair):
    file = pair.folder / "out" / "drift.json"
    pair("--json", file, "--samples", "10")
    record = json.loads(file.read_text())
    jsonschema.validate(record, report_schema("diagnosis"))
    report = from_json(DriftReport, record)
    assert report.n_samples == 10
    assert report.drifts
    (finding,) = report.findings
    assert finding.code == "FUS001"
    assert finding.proof.n_samples == 10
    assert finding.proof.error_removed > 0.999
    assert record["findings"][0]["where"]["tensor"] == "p"


def test_what_agrees_is_exit_code_0(pair):
    result = pair(candidate="reference.onnx")
    assert result.exit_code == 0
    assert result.stdout.startswith("NO DRIFT:")


def test_the_matrix_tells_what_two_equal_files_hide(pair):
    """Both run the same wrong way, so that only the file itself can tell."""
    result = pair("--matrix", reference="candidate.onnx")
    assert result.exit_code == 1
    assert "NO DRIFT:" in result.stdout
    assert "FUS001" in result.stdout
    (line,) = (x for x in result.stdout.splitlines() if "level disable" in x)
    assert line.endswith("PARTS")
    assert "batch size 1 " in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_fault_of_the_file_is_found_behind_that_of_the_runtime(pair):
    model = onnx.load(pair.folder / "candidate.onnx")
    (bias,) = (t for t in model.graph.initializer if t.name == "dense")
    wrong = numpy_helper.to_array(bias) * np.array([1, 3, 1], np.float32)
    bias.CopyFrom(numpy_helper.from_array(wrong, "dense"))
    onnx.save(model, pair.folder / "candidate.onnx")
    repaired = pair.folder / "repaired.onnx"
    result = pair("--write-repaired", repaired, "--json", pair.folder / "d.json")
    assert result.exit_code == 1
    report = json.loads((pair.folder / "d.json").read_text())
    codes = [f["code"] for f in report["findings"] if f["severity"] == "error"]
    assert codes[0] == "FUS001"
    assert len(codes) == 2
    assert f"repaired: {repaired}" in result.stdout
    images = np.load(pair.folder / "golden.npz")["image"]
    answers = [
        onnxruntime.InferenceSession(path, disabled_optimizers=["Pad_Fusion"]).run(
            None, {"image": images}
        )[0]
        for path in (repaired, pair.folder / "reference.onnx")
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_without_a_proven_edit_nothing_is_written(pair):
    result = pair("--write-repaired", pair.folder / "repaired.onnx")
    assert "repaired: not written" in result.stdout
    assert not (pair.folder / "repaired.onnx").exists()


def test_outputs_of_other_shapes_are_drift(pair):
    model = stem()
    softmax = model.graph.node.pop()
    softmax.input[0] = "twice"
    twice = node("Concat", ["logits", "logits"], ["twice"], "twice", axis=1)
    model.graph.node.extend([twice, softmax])
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6
    onnx.save(model, pair.folder / "candidate.onnx")
    result = pair()
    assert result.exit_code == 1, result.stderr
    assert "outputs of other shapes" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"candidate": "gone.onnx"}, 3),
        ({"reference": "gone.onnx"}, 3),
    ],
)
def test_what_cannot_be_run_is_exit_code_3(pair, arguments, code):
    result = pair(**arguments)
    assert result.exit_code == code
    assert "gone.onnx" in result.stderr
    assert "Hint: " in result.stderr


def test_a_candidate_that_takes_other_samples_is_named_with_what_to_do(pair):
    model = stem()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.ones((3, 3, 3, 3), np.float32), "kernel")
    )
    onnx.save(model, pair.folder / "candidate.onnx")
    result = pair()
    assert result.exit_code == 3
    told = " ".join(result.stderr.split())
    assert "candidate.onnx, from sample 0 on: input 'image' takes shape" in told
    assert "harness init writes a suite" in told


def test_the_gate_names_the_fault_and_runs_the_suite_s_matrix(release):
    images = np.random.default_rng(0).uniform(0, 1, (90, 1, 12, 12)).astype("f")
    release.data(image=images, classes=np.array(["ant", "bee", "cat"]))
    release.model("reference.onnx", stem(guarded=True))
    release.model("candidate.onnx", stem())
    text = release.suite.read_text(encoding="utf-8")
    release.write(
        text.replace('task = "classification"', 'task = "tensor"')
        + '[variant.matrix]\nlevels = ["disable"]\nbatch_sizes = [1]\n'
    )
    printed = release.run().stdout
    assert "run in 2 other ways, on 64 samples: 1 parts from it" in printed
    assert [w for w in printed.split() if w in {"alike", "PARTS"}] == ["PARTS", "alike"]
    record = release.record()
    codes = [finding["code"] for finding in record["findings"]]
    assert codes == ["FUS001"]
    checks = {c["name"]: c["status"] for c in release.candidate()["checks"]}
    assert checks["runs_alike"] == "failed"
    assert checks["operator_semantics"] == "failed"
    assert [c["value"] for c in release.candidate()["matrix"]["cells"]] == [
        "",
        "disable",
        "1",
    ]
    assert "Pad folded into MaxPool" in record["provenance"]["canaries"]


STOPPED = "stopped looking after 1e-09 s"


@pytest.mark.parametrize(
    ("key", "option", "stopped"),
    [
        (None, None, False),
        ("1e-9", None, True),
        (None, "1e-9", True),
        ("1e-9", "inf", False),
        ("inf", None, False),
        ("inf", "1e-9", True),
    ],
)
def test_the_gate_looks_for_causes_as_long_as_it_is_told(
    release, small, key, option, stopped
):
    release.model("candidate.onnx", small.classifier(-small.weights()))
    if key is not None:
        release.edit("[golden]", f"diagnosis_seconds = {key}\n[golden]")
    words = [] if option is None else ["--diagnosis-seconds", option]
    result = small.invoke("run", release.suite, *words)
    assert (STOPPED in " ".join(result.stdout.split())) == stopped


@pytest.mark.parametrize("value", ["0", "-3", "nan", "true", '"long"', "-inf"])
def test_a_time_that_is_none_is_told(release, small, value):
    release.edit("[golden]", f"diagnosis_seconds = {value}\n[golden]")
    result = small.invoke("run", release.suite)
    assert result.exit_code == 2
    assert "'suite.diagnosis_seconds'" in result.stderr


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """The stem of Keras' ResNet50V2 by Keras, and as tf2onnx writes it."""
    folder = tmp_path_factory.mktemp("live")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
        import tensorflow as tf
        import tf2onnx

        keras.utils.set_random_seed(0)
        layers = keras.layers
        image = keras.Input((32, 32, 3), name="image")
        x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
        below = keras.initializers.Constant(-0.5)
        x = layers.Conv2D(8, 7, 2, name="conv1_conv", bias_initializer=below)(x)
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
        x = layers.Conv2D(12, 3, padding="same", activation="relu", name="conv2")(x)
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        scores = layers.Dense(5, activation="softmax", name="predictions")(x)
        network = keras.Model(image, scores)
        network.save(folder / "m.keras")
        spec = [tf.TensorSpec([None, 32, 32, 3], tf.float32, name="image")]
        function = tf.function(lambda image: {"scores": network(image, training=False)})
        path = str(folder / "m.onnx")
        tf2onnx.convert.from_function(function, spec, opset=18, output_path=path)
    images = np.random.default_rng(0).uniform(0, 1, (24, 32, 32, 3)).astype("f")
    np.savez(folder / "golden.npz", image=images)
    return folder


def test_the_live_fault_of_resnet50v2_is_found_in_what_tf2onnx_writes(live, small):
    models = (live / "m.keras", live / "m.onnx")
    report = live / "drift.json"
    result = small.invoke(
        "diagnose", *models, "--data", live / "golden.npz", "--json", report
    )
    assert result.exit_code == 1
    (finding,) = json.loads(report.read_text())["findings"]
    assert finding["cause"] == "runtime.fusion"
    assert finding["where"]["op_type"] == "MaxPool"
    assert "pool1_pool" in finding["where"]["candidate_node"]
    assert "pool1_pad" in finding["where"]["tensor"]
    assert "from level 'basic' on; it is Pad_Fusion" in finding["explanation"]
    assert finding["proof"]["error_before"] > 1e-3
    assert finding["proof"]["error_after"] < 1e-6
