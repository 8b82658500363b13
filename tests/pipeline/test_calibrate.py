"""`harness calibrate`: what it measures, what it derives, and how the gate uses it."""

import tomllib
from datetime import date

import pytest

import harness
from harness.pipeline import calibrate
from harness.suite import load_suite, load_tolerances, render_tolerances

DAY = date(2030, 6, 15)


@pytest.fixture
def release(release):
    release.edit('reference = "reference"', 'reference = "reference"\nisolation="none"')
    return release


@pytest.fixture
def measured(release):
    """Calibrates, and writes the lock beside the suite."""

    def measured(**options):
        lock = calibrate(release.suite, today=DAY, **options)
        text = render_tolerances(lock)
        (release.folder / "tolerances.lock.toml").write_text(text, encoding="utf-8")
        return lock

    return measured


def close(release):
    report = harness.evaluate(release.suite)
    variant = report.variant("candidate")
    check = next(c for c in variant.checks if c.name == "outputs_close")
    return report, variant.outputs[0], check


def test_noise_and_rounding_of_both_sides_are_measured(measured):
    (entry,) = measured().outputs
    conditions = ["run to run", "batch of 1", "batch of 7"]
    assert [*entry.candidate_noise][:3] == conditions
    assert {"optimisation disable", "optimisation basic"} < {*entry.candidate_noise}
    assert any(name.endswith(" threads") for name in entry.reference_noise)
    assert entry.candidate_noise["run to run"] == 0
    assert 0 < entry.reference_rounding == entry.candidate_rounding < 1e-6
    assert entry.unmeasured == {}
    assert entry.rtol >= entry.atol > 10 * entry.candidate_rounding


def test_the_same_models_give_the_same_lock_byte_for_byte(release):
    first, second = (calibrate(release.suite, today=DAY) for _ in range(2))
    assert render_tolerances(first) == render_tolerances(second)


def test_a_lock_is_read_as_it_was_written(release, measured):
    lock = measured(samples=7)
    assert load_tolerances(load_suite(release.suite)) == lock
    assert (lock.samples, lock.of_samples) == (7, 60)


def test_a_fault_of_the_candidate_does_not_widen_its_tolerance(
    release, measured, small
):
    (before,) = measured().outputs
    release.model("candidate.onnx", small.classifier(small.weights() * 1.05))
    (after,) = measured().outputs
    assert after.atol < 3 * before.atol < 1e-4
    assert after.candidate_oracle > 100 * after.atol


def test_the_gate_goes_by_the_lock(release, measured, small):
    # Within the default of 1e-4, and far above what rounding does.
    release.model("candidate.onnx", small.classifier(small.weights() * (1 + 3e-4)))
    assert close(release)[2].status == "passed"
    (entry,) = measured().outputs
    _, output, check = close(release)
    assert (output.atol, output.rtol) == (entry.atol, entry.rtol)
    assert check.status == "failed"


def test_what_the_suite_declares_goes_before_the_lock(release, measured):
    measured()
    release.add("gate = { atol = 0.5 }")
    assert close(release)[1].atol == 0.5


@pytest.mark.parametrize("changed", ["model", "reference", "data"])
def test_a_stale_lock_is_told_and_not_used(release, measured, small, changed):
    measured()
    if changed == "data":
        data = small.samples()
        release.data(x=data["x"] * 2, label=data["label"])
    else:
        name = {"model": "candidate", "reference": "reference"}[changed]
        release.model(f"{name}.onnx", small.classifier(small.weights() + 1e-7))
    report, output, check = close(release)
    assert output.atol == 1e-4
    assert "not by measured tolerances: the lock was measured" in check.message
    assert sum("harness calibrate" in notice for notice in report.notices) == 1


@pytest.mark.parametrize(("samples", "status"), [(60, "passed"), (20, "undecided")])
def test_closer_to_the_oracle_than_the_reference_is_never_failed(
    release, measured, small, samples, status
):
    release.model("reference.onnx", small.rounded(1e5))
    release.add("gate = { atol = 1e-6, rtol = 0.0 }")
    assert close(release)[2].status == "failed"
    (entry,) = measured(samples=samples).outputs
    assert entry.candidate_oracle < entry.reference_rounding
    check = close(release)[2]
    assert check.status == status
    assert "no farther from the float64 oracle" in check.message


def test_a_quantized_candidate_gets_evidence_and_no_tolerance(release, measured):
    release.edit('kind = "converted"', 'kind = "quantized"')
    (entry,) = measured().outputs
    assert entry.atol is None
    assert "decisions" in entry.reason
    assert "outputs_close" not in {
        c.name for c in harness.evaluate(release.suite).variant("candidate").checks
    }


def test_a_fixed_batch_is_told_among_what_was_not_measured(release, measured, small):
    release.model("candidate.onnx", small.classifier(shape=(6, 4)))
    (entry,) = measured().outputs
    assert "batch of 7" not in entry.candidate_noise
    assert "6 samples at a time" in entry.unmeasured["batch of 7"]


def test_without_an_oracle_there_is_a_reason_and_no_path(release, measured):
    release.write(release.suite.read_text().replace("candidate.onnx", "broken.onnx"))
    (release.folder / "broken.onnx").write_bytes(b"no model")
    assert measured().outputs == ()
    text = (release.folder / "tolerances.lock.toml").read_text(encoding="utf-8")
    assert str(release.folder) not in text


class TestCommand:
    def test_it_prints_and_writes_on_request(self, release, small):
        result = small.invoke("calibrate", release.folder, "--samples", 9)
        assert result.exit_code == 0
        assert "measured on 9 of 60 golden samples" in result.output
        lock = release.folder / "tolerances.lock.toml"
        assert not lock.exists()
        small.invoke("calibrate", release.folder, "--write")
        assert tomllib.loads(lock.read_text())["samples"] == 60
        assert release.run().exit_code == 0

    def test_a_broken_lock_is_named(self, release):
        lock = release.folder / "tolerances.lock.toml"
        lock.write_text("samples = 3\n", encoding="utf-8")
        result = release.run()
        assert result.exit_code == 2
        assert "tolerances.lock.toml" in result.stderr
        assert "harness calibrate" in result.stderr
