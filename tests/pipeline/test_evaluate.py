"""evaluate, compare and record on small real models."""

from __future__ import annotations

import json

import numpy as np
import pytest

import harness
from harness.core.codec import to_json
from harness.core.errors import HarnessError, QualityRegression, SuiteError
from harness.core.specs import RunOptions


def stable(report) -> dict:
    """A report without what may differ between two runs."""
    record = to_json(report)
    record.pop("provenance")
    for variant in record["variants"]:
        variant.pop("seconds_per_sample")
    return record


class TestEvaluate:
    def test_two_runs_say_the_same(self, release, small):
        rng = np.random.default_rng(1)
        noise = rng.normal(0, 1, small.weights().shape).astype(np.float32)
        release.model("candidate.onnx", small.classifier(small.weights() + noise))
        first, second = (harness.evaluate(release.suite) for _ in range(2))
        assert json.dumps(stable(first)) == json.dumps(stable(second))

    def test_a_suite_may_be_given_loaded_as_a_path_or_as_text(self, release):
        loaded = harness.load_suite(release.suite)
        reports = [
            harness.evaluate(suite)
            for suite in (loaded, release.suite, str(release.suite), release.folder)
        ]
        assert len({json.dumps(stable(report)) for report in reports}) == 1

    def test_the_record_says_what_was_run(self, release):
        release.add("batch_size = 7")
        report = harness.evaluate(release.suite)
        assert report.suite.path == "quality.toml"
        assert report.golden.n_samples == 60
        assert report.golden.class_counts == (20, 20, 20)
        candidate = report.variant("candidate")
        assert candidate.status == "ran"
        assert candidate.path == "candidate.onnx"
        assert candidate.line == 14
        assert candidate.batch_size == 7
        assert candidate.backend == "onnxruntime"
        assert candidate.runtime["providers"] == "CPUExecutionProvider"
        assert len(candidate.sha256) == 64
        assert candidate.seconds_per_sample > 0
        assert report.reference.verdict is None
        assert report.provenance["packages"]["onnxruntime"]

    def test_identical_models_pass_every_check_they_are_asked(self, release):
        report = harness.evaluate(release.suite)
        assert report.verdict == "passed"
        (candidate,) = report.candidates
        assert {c.status for c in candidate.checks} == {"passed"}
        (output,) = candidate.outputs
        assert output.max_abs_error == 0
        assert report.findings == ()

    def test_one_candidate_alone_can_be_run(self, release):
        text = release.suite.read_text()
        more = '[[variant]]\nname = "other"\nkind = "frozen"\npath = "candidate.onnx"\n'
        release.write(text + more)
        report = harness.evaluate(release.suite, RunOptions(only=("other",)))
        assert [v.name for v in report.candidates if v.verdict] == ["other"]

    def test_progress_ends_with_all_samples(self, release):
        told = []
        harness.evaluate(
            release.suite, progress=lambda done, total: told.append((done, total))
        )
        assert told[-1] == (60, 60)

    @pytest.mark.parametrize("batch_size", [1, 7, 60, 100])
    def test_the_batch_size_changes_no_number_of_a_plain_model(
        self, release, small, batch_size
    ):
        release.model("candidate.onnx", small.classifier(small.weights() * 1.01))
        plain = harness.evaluate(release.suite)
        release.add(f"batch_size = {batch_size}")
        batched = harness.evaluate(release.suite)
        ours, theirs = (r.variant("candidate").outputs[0] for r in (plain, batched))
        assert ours.max_abs_error == pytest.approx(theirs.max_abs_error, rel=1e-3)

    def test_a_model_with_a_fixed_batch_is_run_with_it(self, release, small):
        release.model("candidate.onnx", small.classifier(shape=(7, 4)))
        report = harness.evaluate(release.suite)
        assert report.verdict == "passed"
        assert report.variant("candidate").batch_size == 7

    def test_keys_of_the_data_that_nothing_uses_are_told(self, release, small):
        release.data(**small.samples(), stray=np.zeros(3))
        report = harness.evaluate(release.suite)
        assert any("'stray'" in notice for notice in report.notices)


class TestRaiseForStatus:
    def test_a_pass_says_nothing(self, release):
        assert harness.raise_for_status(harness.evaluate(release.suite)) is None

    def test_a_failure_is_an_assertion_with_the_whole_verdict(self, release, small):
        release.model("candidate.onnx", small.classifier(-small.weights()))
        report = harness.evaluate(release.suite)
        with pytest.raises(QualityRegression, match="candidate"):
            harness.raise_for_status(report)

    def test_what_could_not_be_run_is_an_error_of_the_harness(self, release):
        (release.folder / "candidate.onnx").unlink()
        report = harness.evaluate(release.suite)
        with pytest.raises(HarnessError) as caught:
            harness.raise_for_status(report)
        # A path longer than a line is broken over two.
        assert "candidate.onnx" in "".join(str(caught.value).split())


class TestCompare:
    def models(self, release):
        return [release.folder / f"{n}.onnx" for n in ("reference", "candidate")]

    def test_two_files_need_no_suite(self, release, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        report = harness.compare(*self.models(release), release.folder / "golden.npz")
        assert report.verdict == "passed"
        assert report.suite.task == "classification"
        assert report.variant("candidate").kind == "converted"

    def test_data_without_labels_are_compared_by_numbers(self, release, small):
        data = release.data(x=small.samples()["x"])
        report = harness.compare(*self.models(release), data)
        assert report.suite.task == "tensor"
        assert report.verdict == "passed"

    def test_labels_may_lie_in_another_file(self, release, small):
        golden = small.samples()
        data = release.data(x=golden["x"])
        labels = release.folder / "labels.npy"
        np.save(labels, golden["label"])
        report = harness.compare(*self.models(release), data, labels=labels)
        assert report.suite.task == "classification"
        assert report.variant("candidate").labels.accuracy == 1.0

    def test_the_command_judges_and_writes(self, release, small):
        release.model("candidate.onnx", small.classifier(-small.weights()))
        result = small.invoke(
            *("compare", *self.models(release)),
            *("--data", release.folder / "golden.npz", *release.reports()),
        )
        assert result.exit_code == 1
        assert release.written() == small.all_reports

    def test_scale_is_applied_to_both(self, release, small):
        golden = small.samples()
        data = release.data(x=golden["x"] * 16, label=golden["label"])
        command = ("compare", *self.models(release), "--data", data)
        result = small.invoke(*command, "--scale", 1 / 16, *release.reports())
        assert result.exit_code == 0
        labels = release.candidate()["labels"]
        assert labels["accuracy"] == labels["accuracy_reference"] == 1.0

    @pytest.mark.parametrize("gone", ["reference.onnx", "candidate.onnx", "golden.npz"])
    def test_a_missing_file_is_told(self, release, small, gone):
        (release.folder / gone).unlink()
        data = release.folder / "golden.npz"
        result = small.invoke(
            "compare", *self.models(release), "--data", data, *release.reports()
        )
        assert result.exit_code in {2, 3}
        assert gone in result.output
        assert "Hint: " in result.output


class TestRecord:
    @pytest.fixture
    def recorded(self, release):
        release.edit('"golden.npz"', '"golden.npz"\nrecorded = "recorded"')
        return release

    def test_a_recording_stands_in_for_a_missing_runtime(
        self, recorded, small, monkeypatch
    ):
        result = small.invoke("record", recorded.suite)
        assert result.exit_code == 0
        assert str(recorded.folder / "recorded" / "reference") in result.stdout
        live = harness.evaluate(recorded.suite)
        # The reference now asks for a runtime that is not there.
        recorded.edit('kind = "original"', 'kind = "original"\nbackend = "keras"')
        from harness.core.registry import LazyEntry

        monkeypatch.setattr(LazyEntry, "missing", lambda entry: entry.requires[1:])
        replayed = harness.evaluate(recorded.suite)
        assert replayed.reference.status == "replayed"
        assert "tensorflow" in replayed.reference.reason
        assert replayed.reference.seconds_per_sample is None
        assert (
            replayed.variant("candidate").outputs == live.variant("candidate").outputs
        )

    def test_recording_twice_writes_the_same_bytes(self, recorded, small):
        folder = recorded.folder / "recorded"
        contents = []
        for _ in range(2):
            assert small.invoke("record", recorded.suite).exit_code == 0
            files = sorted(p for p in folder.rglob("*") if p.is_file())
            contents.append([(p.name, p.read_bytes()) for p in files])
        assert contents[0] == contents[1]

    def test_any_variant_can_be_recorded(self, recorded, small):
        result = small.invoke("record", recorded.suite, "--variant", "candidate")
        assert result.exit_code == 0
        assert (recorded.folder / "recorded" / "candidate").is_dir()

    def test_a_suite_that_names_no_folder_is_told(self, release, small):
        result = small.invoke("record", release.suite)
        assert result.exit_code == 2
        assert "recorded" in result.stderr
        assert "Hint: " in result.stderr

    def test_an_unknown_variant_is_told(self, recorded):
        with pytest.raises(SuiteError, match="'gone'"):
            harness.record(recorded.suite, "gone")

    def test_a_model_that_fails_leaves_no_recording(self, recorded, small):
        (recorded.folder / "reference.onnx").write_bytes(b"")
        result = small.invoke("record", recorded.suite)
        assert result.exit_code == 3
        assert "reference.onnx" in result.stderr
        assert not (recorded.folder / "recorded").exists()

    def test_a_failing_record_keeps_the_old_recording(self, recorded, small):
        small.invoke("record", recorded.suite)
        folder = recorded.folder / "recorded"
        before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        golden = small.samples()
        golden["label"][50] = -1
        recorded.data(**golden)
        assert small.invoke("record", recorded.suite).exit_code == 2
        after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert after == before
