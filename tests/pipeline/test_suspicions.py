"""What a report says of data that look wrong; none of it fails a model."""

import json
from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper

from harness.golden.source import open_golden
from harness.pipeline.suspicions import suspicions_of
from harness.run import Window
from harness.suite import load_suite


@pytest.fixture
def told(release):
    """The notices of a run, which must have passed."""

    def run(*extra, passes=True):
        result = release.run("--isolation", "none", "--no-diagnose", *extra)
        assert result.exit_code == 0 or not passes, result.output
        return "\n".join(release.record()["notices"])

    return run


def test_sound_data_give_no_suspicion(told):
    assert told() == ""


def test_samples_that_are_there_twice(release, small, told):
    arrays = small.samples()
    arrays["x"][7] = arrays["x"][4]
    release.data(**arrays)
    assert "1 of 60 golden samples are copies" in told()
    assert "sample 7 of sample 4" in told()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("seen.txt", "s3\ns5\nother\n"),
        ("seen.json", json.dumps({"calibration": ["s3", "s5"]})),
    ],
)
def test_samples_that_calibrated_a_variant(release, small, told, file, text):
    names = np.array([f"s{i}" for i in range(60)])
    release.data(**small.samples(), sample_id=names)
    (release.folder / file).write_text(text)
    release.edit('data = "golden.npz"', f'data = "golden.npz"\ncalibration = "{file}"')
    assert "2 of 60 golden samples are those that a variant was calibrated" in told()


def test_a_reference_that_is_always_the_same(release, small, told):
    kernel = np.zeros_like(small.weights())
    for name in ("reference.onnx", "candidate.onnx"):
        release.model(name, small.classifier(kernel))
    notices = told(passes=False)
    assert "output 'scores' is the same on all 60 samples" in notices
    assert "The reference says class 2 on 60 of 60 samples" in notices


def test_labels_of_which_the_reference_is_sure_that_they_are_wrong(
    release, small, told
):
    arrays = small.samples()
    arrays["x"] *= 3
    arrays["label"][8] = 0
    release.data(**arrays)
    assert "sample 8 (class 0, reference class 2)" in told(passes=False)


def test_values_that_a_cast_cuts_off(release, small, told):
    for name in ("reference.onnx", "candidate.onnx"):
        release.model(name, fed_with_bytes(small.classifier()))
    release.edit(
        'data = "golden.npz"',
        'data = "golden.npz"\npreprocess = { scale = 300.0, dtype = "uint8" }',
    )
    assert "uint8 holds 0 to 255: what is beyond is cut off" in told(passes=False)


def fed_with_bytes(model):
    """The model behind a cast of its input."""
    (fed,) = model.graph.input
    fed.type.tensor_type.elem_type = TensorProto.UINT8
    cast = helper.make_node("Cast", [fed.name], ["real"], "cast", to=TensorProto.FLOAT)
    model.graph.node[0].input[0] = "real"
    model.graph.node.insert(0, cast)
    return model


def test_classes_too_small_for_their_gate(release, small, told):
    arrays = small.samples()
    keep = np.flatnonzero((arrays["label"] != 1) | (np.arange(60) < 3))
    release.data(**{name: array[keep] for name, array in arrays.items()})
    assert "too few samples to show a drop of recall below 50%: 1 (1)" in told()


def test_a_recording_of_another_release_of_the_runtime(release, small, told):
    release.edit('data = "golden.npz"', 'data = "golden.npz"\nrecorded = "recorded"')
    assert "A recording is missing" in told()
    assert small.invoke("record", release.suite).exit_code == 0
    assert told() == ""
    file = release.folder / "recorded/reference/recording.json"
    recording = json.loads(file.read_text())
    recording["runtime"]["version"] = "0.1"
    file.write_text(json.dumps(recording))
    assert "was made with onnxruntime 0.1, here it is" in told()


class TestRecordAgain:
    @pytest.fixture(autouse=True)
    def recorded(self, release, small):
        release.edit(
            'data = "golden.npz"', 'data = "golden.npz"\nrecorded = "recorded"'
        )
        small.invoke("record", release.suite)
        release.model("reference.onnx", small.classifier(bias=(0.1, 0.1, 0.1)))

    def test_without_a_reason_nothing_is_written(self, release, small):
        result = small.invoke("record", release.suite)
        assert result.exit_code == 2
        assert "another model; scores: 60 samples differ" in result.stderr
        assert "--reason" in result.stderr

    def test_the_reason_is_kept(self, release, small):
        assert small.invoke("golden", "verify", release.suite).exit_code == 1
        result = small.invoke("record", release.suite, "--reason", "trained again")
        assert result.exit_code == 0
        file = release.folder / "recorded/reference/recording.json"
        (update,) = json.loads(file.read_text())["history"]
        assert update["reason"] == "trained again"
        assert small.invoke("golden", "verify", release.suite).exit_code == 0


class TestGoldenCommands:
    def test_create_verify_and_diff(self, release, small):
        folder = release.folder / "set"
        data = release.folder / "golden.npz"
        made = small.invoke("golden", "create", data, folder, "--shard-rows", "25")
        assert "60 samples in 3 shards" in made.stdout
        assert small.invoke("golden", "verify", folder).exit_code == 0
        same = small.invoke("golden", "diff", data, folder)
        assert (same.exit_code, "no difference" in same.stdout) == (0, True)
        (folder / "shard-001.npz").write_bytes(b"")
        broken = small.invoke("golden", "verify", folder)
        assert broken.exit_code == 1
        assert "mend: harness golden create" in broken.stdout

    def test_import_keeps_licence_and_origin(self, release, small):
        folder = release.folder / "set"
        arguments = ("golden", "import", release.suite, folder)
        assert small.invoke(*arguments).exit_code == 2
        small.invoke(*arguments, "--license", "CC0-1.0", "--origin", "a friend")
        manifest = json.loads((folder / "manifest.json").read_text())
        assert (manifest["license"], manifest["source"]) == ("CC0-1.0", "a friend")


class TestMerging:
    """What parts of the data saw is together what one look at all of it sees."""

    @pytest.fixture
    def notices(self, release):
        suite = load_suite(release.suite)

        def told(arrays, scores, cuts):
            release.data(**arrays)
            source = open_golden(suite.golden)
            parts = []
            for start, stop in pairwise((0, *cuts, 60)):
                part = suspicions_of(suite, source, {})
                for chunk in source.chunks(7, slice(start, stop)):
                    answers = {"scores": scores[chunk.rows]}
                    part.update(Window(chunk, answers, {}))
                parts.append(part)
            first, *rest = parts
            for part in rest:
                first.merge(part)
            return list(first.notices(suite, source))

        return told

    @pytest.mark.parametrize("cuts", [(30,), (1, 2), (10, 20, 40, 59)])
    @pytest.mark.parametrize("what", ["sure", "constant", "steps", "lost"])
    def test_parts_say_what_the_whole_says(self, notices, small, cuts, what):
        arrays = small.samples()
        arrays["x"][7] = arrays["x"][44]
        arrays["x"][13, 0] = np.nan
        arrays["label"][[8, 50]] = 0
        scores = {
            "sure": np.eye(3, dtype=np.float32)[np.arange(60) % 3],
            "constant": np.full((60, 3), 0.2, np.float32),
            # Still on each of two parts, and moved between them.
            "steps": np.repeat(np.float32([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]), 30, 0),
            "lost": np.full((60, 3), np.nan, np.float32),
        }[what]
        whole = notices(arrays, scores, ())
        assert notices(arrays, scores, cuts) == whole
        assert any("copies" in line for line in whole)
        assert any("is the same on all 60" in line for line in whole) == (
            what == "constant"
        )
