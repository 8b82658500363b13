"""What goes wrong most: each mistake is told with what, where and one next step."""

from __future__ import annotations

import re
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto


def squeezed(text: str) -> str:
    """One line, without the terminal's line breaks and rulers."""
    return " ".join(text.split())


def fails_as_a_whole(release, code: int, *fragments: str) -> None:
    """The run ends at once: message on stderr, exit code, and not one file."""
    result = release.run()
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    told = squeezed(result.stderr)
    assert told.startswith("Error: ")
    assert told.count("Hint: ") == 1
    for fragment in fragments:
        assert squeezed(fragment) in told
    assert release.written() == []


def candidate_fails(release, small, *fragments: str) -> None:
    """The candidate alone is an error, in the terminal and in whole reports."""
    result = release.run()
    assert result.exit_code == 3, result.output
    assert release.written() == small.all_reports
    candidate = release.candidate()
    assert candidate["status"] == "error"
    assert candidate["reason"].count("\nHint: ") == 1
    for fragment in fragments:
        assert fragment in candidate["reason"]
    assert release.record()["verdict"] == "error"
    html = (release.out / "report.html").read_text(encoding="utf-8")
    words = re.findall(r"[A-Za-z]{5,}", candidate["reason"])
    assert all(word in result.stdout for word in words[:3])
    assert all(word in html for word in words)


def test_the_release_itself_passes(release, small):
    result = release.run()
    assert result.exit_code == 0, result.output
    assert release.written() == small.all_reports
    assert release.record()["verdict"] == "passed"


class TestSuiteFile:
    def test_missing(self, release):
        release.suite.unlink()
        fails_as_a_whole(release, 2, str(release.suite), "no such suite file")

    def test_a_folder_without_one(self, release, small):
        release.suite.unlink()
        result = small.invoke("run", release.folder)
        assert result.exit_code == 2
        assert "no single suite file here" in squeezed(result.stderr)

    def test_unknown_key(self, release):
        release.add("batchsize = 2")
        fails_as_a_whole(
            release,
            2,
            str(release.suite),
            "unknown key 'variant[candidate].batchsize'",
            "did you mean 'batch_size'?",
        )

    @pytest.mark.parametrize(
        ("old", "new", "found", "allowed"),
        [
            ('"classification"', '"clasification"', "'clasification'", "tensor"),
            ('"converted"', '"convert"', "'convert'", "converted, frozen"),
            ('name = "small"', "name = 3", "'suite.name' is 3", "a string"),
        ],
    )
    def test_wrong_type(self, release, old, new, found, allowed):
        release.edit(old, new)
        fails_as_a_whole(release, 2, str(release.suite), found, allowed)

    def test_a_model_given_as_the_suite(self, release, small):
        result = small.invoke("run", release.folder / "reference.onnx")
        assert result.exit_code == 2
        assert "reference.onnx" in result.stderr
        assert "Hint: " in result.stderr

    def test_unknown_variant_asked_for(self, release):
        result = release.run("--variant", "candidat")
        assert result.exit_code == 2
        assert "no variant 'candidat'" in squeezed(result.stderr)
        assert "reference, candidate" in squeezed(result.stderr)
        assert release.written() == []

    def test_unknown_backend(self, release):
        release.add('backend = "onnxruntimes"')
        fails_as_a_whole(
            release, 2, "variant 'candidate'", "'onnxruntimes'", "onnxruntime"
        )

    def test_unknown_option_of_the_backend(self, release):
        release.add("options = { provider = [] }")
        fails_as_a_whole(release, 2, "'provider'", "providers")

    def test_declared_batch_size_that_the_model_does_not_take(self, release, small):
        release.model("candidate.onnx", small.classifier(shape=(5, 4)))
        release.add("batch_size = 4")
        fails_as_a_whole(release, 2, "variant 'candidate'", "batch_size", "4", "5")

    def test_declared_input_name_that_does_not_exist(self, release):
        release.add('inputs = { image = "x" }')
        fails_as_a_whole(
            release, 2, "variant 'candidate'", "no input 'image'", "known names are x"
        )

    def test_declared_output_name_that_does_not_exist(self, release, small):
        release.add('outputs = { scores = "probabilities" }')
        candidate_fails(release, small, "'probabilities'", "scores")


class TestModelFile:
    def test_missing(self, release, small):
        (release.folder / "candidate.onnx").unlink()
        candidate_fails(release, small, "candidate.onnx", "No such file")

    def test_reference_missing(self, release):
        (release.folder / "reference.onnx").unlink()
        fails_as_a_whole(release, 3, "reference", "reference.onnx", "No such file")
        assert "harness record" not in release.run().stderr

    @pytest.mark.parametrize("keep", [0, 10, 150, -1])
    def test_truncated(self, release, small, keep):
        path = release.folder / "candidate.onnx"
        path.write_bytes(path.read_bytes()[:keep])
        candidate_fails(release, small, "candidate.onnx")

    def test_reference_truncated(self, release):
        path = release.folder / "reference.onnx"
        path.write_bytes(path.read_bytes()[:-20])
        fails_as_a_whole(release, 3, "'reference' cannot be run", "reference.onnx")

    def test_external_data_file_missing(self, release, small):
        path = release.folder / "candidate.onnx"
        onnx.save(
            small.classifier(),
            path,
            save_as_external_data=True,
            location="candidate.weights",
            size_threshold=0,
        )
        assert release.run().exit_code == 0
        (release.folder / "candidate.weights").unlink()
        shutil.rmtree(release.out)
        candidate_fails(release, small, "candidate.weights", "does not exist", "tensor")

    def test_opset_newer_than_the_runtime(self, release, small):
        release.model("candidate.onnx", small.classifier(opset=99))
        candidate_fails(release, small, "candidate.onnx", "opset 99", "upgrade")

    def test_bytes_of_another_form(self, release, small):
        (release.folder / "candidate.onnx").write_bytes(
            b"\x89HDF\r\n\x1a\n" + bytes(99)
        )
        candidate_fails(release, small, "candidate.onnx", "HDF5")

    def test_of_no_known_form(self, release, small):
        (release.folder / "candidate.onnx").write_text("<html>Not found</html>")
        candidate_fails(release, small, "candidate.onnx", "no form")

    def test_reference_without_its_runtime_and_without_a_recording(self, digits, small):
        shutil.rmtree(digits / "recorded")
        result = small.invoke("run", digits)
        assert result.exit_code == 3
        told = squeezed(result.stderr)
        assert "the reference 'keras' cannot be run" in told
        assert "pip install 'model-quality-harness[tensorflow]'" in told
        assert "harness record" in told

    def test_a_link_that_leads_nowhere(self, release, small):
        path = release.folder / "candidate.onnx"
        path.unlink()
        path.symlink_to("moved.onnx")
        candidate_fails(release, small, "candidate.onnx", "No such file")


class TestInputs:
    def test_wrong_name(self, release, small):
        release.model("candidate.onnx", small.classifier(fed="image"))
        golden = small.samples()
        release.data(**golden, unrelated=golden["x"])
        fails_as_a_whole(
            release, 2, "variant 'candidate'", "model input 'image'", "x, unrelated"
        )

    @pytest.mark.parametrize(
        ("dtype", "expected"),
        [(TensorProto.DOUBLE, "float64"), (TensorProto.FLOAT16, "float16")],
    )
    def test_wrong_dtype(self, release, small, dtype, expected):
        release.model("candidate.onnx", small.classifier(dtype=dtype))
        candidate_fails(release, small, "'x'", expected, "float32", "dtype")

    def test_dtype_is_mended_as_the_hint_says(self, release, small):
        release.model("candidate.onnx", small.classifier(dtype=TensorProto.DOUBLE))
        release.add('preprocess = { dtype = "float64" }')
        assert release.run().exit_code == 0

    @pytest.mark.parametrize(
        ("shape", "told"),
        [
            (("n", 5), "takes shape (n, 5), got (32, 4)"),
            (("n", 4, 1), "(n, 4, 1) of rank 3, got (32, 4) of rank 2"),
        ],
    )
    def test_wrong_shape(self, release, small, shape, told):
        kernel = np.zeros((shape[1], 3), np.float32)
        model = small.classifier(kernel, shape=shape, flatten=True)
        release.model("candidate.onnx", model)
        candidate_fails(release, small, "at sample 0", "'x'", told)

    def test_a_transpose_that_does_not_fit(self, release, small):
        release.add("preprocess = { transpose = [0, 3, 1, 2] }")
        candidate_fails(release, small, "transpose = [0, 3, 1, 2]", "(60, 4)")

    def test_reference_that_takes_another_dtype(self, release, small):
        release.model("reference.onnx", small.classifier(dtype=TensorProto.DOUBLE))
        fails_as_a_whole(release, 3, "variant 'reference'", "'x'", "float64", "float32")


class TestOutputs:
    def test_nan(self, release, small):
        kernel = small.weights()
        kernel[0, 0] = np.nan
        release.model("candidate.onnx", small.classifier(kernel))
        result = release.run()
        assert result.exit_code == 1
        assert release.written() == small.all_reports
        checks = {c["name"]: c for c in release.candidate()["checks"]}
        assert checks["finite_outputs"]["status"] == "failed"
        assert "scores" in checks["finite_outputs"]["message"]
        assert "finite_outputs" in result.stdout

    def test_nan_of_the_reference(self, release, small):
        kernel = small.weights()
        kernel[0, 0] = np.nan
        release.model("reference.onnx", small.classifier(kernel))
        result = release.run()
        # The reference is no yardstick; nothing may pass by it in silence.
        assert result.exit_code == 1, result.output
        (notice,) = release.record()["notices"]
        assert "reference answers NaN in output 'scores'" in notice

    def test_another_shape_than_the_reference(self, release, small):
        kernel = np.concatenate([small.weights(), small.weights()], axis=1)
        model = small.classifier(kernel, (0.0,) * 6)
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6
        release.model("candidate.onnx", model)
        candidate_fails(release, small, "scores", "3", "6")


class TestGoldenData:
    def test_missing(self, release):
        (release.folder / "golden.npz").unlink()
        fails_as_a_whole(release, 2, "golden.npz", "does not exist")

    @pytest.mark.parametrize("keep", [0, 100, -30])
    def test_truncated(self, release, keep):
        path = release.folder / "golden.npz"
        path.write_bytes(path.read_bytes()[:keep])
        fails_as_a_whole(release, 2, "golden.npz")

    def test_a_newer_zip_than_there_is(self, release):
        path = release.folder / "golden.npz"
        content = bytearray(path.read_bytes())
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 6] = 250  # version needed to extract, in tenths
        path.write_bytes(content)
        fails_as_a_whole(release, 2, "golden.npz", "zip file version 25.0")

    def test_empty(self, release):
        release.data(x=np.zeros((0, 4), np.float32), label=np.zeros(0, np.int64))
        fails_as_a_whole(release, 2, "golden.npz", "no samples")

    def test_without_inputs(self, release):
        release.data(label=np.arange(3))
        fails_as_a_whole(release, 2, "golden.npz", "no input", "label")

    def test_of_unequal_length(self, release, small):
        golden = small.samples()
        release.data(x=golden["x"][:-1], label=golden["label"])
        fails_as_a_whole(release, 2, "golden.npz", "59", "60")

    def test_pickled(self, release, small):
        golden = small.samples()
        release.data(x=golden["x"], label=np.array([object()] * 60))
        fails_as_a_whole(release, 2, "golden.npz", "label")

    @pytest.mark.parametrize(("label", "names"), [(3, "abc"), (-1, "abc"), (-1, None)])
    def test_labels_out_of_range(self, release, small, label, names):
        golden = small.samples()
        golden["label"][17] = label
        if names is not None:
            golden["label_names"] = np.array(list(names))
        release.data(**golden)
        fails_as_a_whole(release, 2, "sample 17", str(label))

    def test_a_label_beyond_the_scores(self, release, small):
        golden = small.samples()
        golden["label"][17] = 7
        release.data(**golden)
        candidate_fails(release, small, "sample 17 has label 7", "3 columns")

    def test_class_names_that_do_not_fit_the_outputs(self, release, small):
        release.data(**small.samples(), label_names=np.array(list("abcd")))
        candidate_fails(release, small, "4 columns", "'scores' (60, 3)")

    def test_classes_file_missing(self, release):
        release.edit('"golden.npz"', '"golden.npz"\nclasses = "classes.txt"')
        fails_as_a_whole(release, 2, "classes.txt")


class TestChecksums:
    def test_a_shard_that_was_changed(self, digits, small, tmp_path):
        shard = digits / "data" / "shard-001.npz"
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        result = small.invoke("run", digits, "--json", tmp_path / "r.json")
        assert result.exit_code == 2
        assert str(shard) in result.stderr
        assert "sha256" in result.stderr
        assert "Hint: " in result.stderr
        assert not (tmp_path / "r.json").exists()

    @pytest.mark.parametrize("name", ["gone.npz", "x" * 300])
    def test_a_shard_that_is_not_there(self, digits, small, name):
        manifest = digits / "data" / "manifest.json"
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace("shard-001.npz", name))
        result = small.invoke("run", digits)
        assert result.exit_code == 2
        assert f"shard {name} does not exist" in squeezed(result.stderr)

    def test_a_model_that_changed_since_it_was_recorded(self, digits, small):
        with (digits / "models" / "digits.keras").open("ab") as stream:
            stream.write(b"\0")
        result = small.invoke("run", digits)
        assert result.exit_code == 3
        told = squeezed(result.stderr)
        assert "'keras'" in told
        assert "model_sha256" in told
        assert "harness record" in told

    def test_data_that_changed_since_it_was_recorded(self, digits, small):
        suite = digits / "quality.toml"
        text = suite.read_text(encoding="utf-8")
        suite.write_text(text.replace("scale = 0.0625", "scale = 0.06"))
        result = small.invoke("run", digits)
        assert result.exit_code == 3
        assert "preprocess_digest" in squeezed(result.stderr)

    def test_a_recording_that_was_changed(self, digits, small):
        (shard,) = sorted((digits / "recorded" / "keras").glob("*.npz"))
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        result = small.invoke("run", digits)
        assert result.exit_code != 0
        assert "sha256" in result.stderr
        assert "Hint: " in result.stderr
