"""Data behind a URL: what columns they have is not known before the run."""

import io

import fsspec
import numpy as np
import pytest

from harness.pipeline import evaluate, planned_checks
from harness.suite import load_suite


@pytest.fixture
def remote(release, small):
    """A suite whose data lie behind a URL, with these columns beside."""

    def write(**columns):
        raw = io.BytesIO()
        np.savez(raw, **small.samples(), **columns)
        with fsspec.open("memory://slices/golden.npz", "wb") as stream:
            stream.write(raw.getvalue())
        release.edit('"golden.npz"', '"memory://slices/golden.npz"')
        release.edit("[golden]", "min_slice = 5\n[golden]")
        return load_suite(release.suite)

    return write


def judged(suite):
    (candidate,) = evaluate(suite).candidates
    return {check.name: check.status for check in candidate.checks}, candidate


def test_columns_of_remote_data_are_sliced_as_planned(remote, release, small):
    release.model("candidate.onnx", small.classifier(-small.weights()))
    suite = remote(slice_site=np.array(["a", "b"])[np.arange(60) % 2])
    checks, _ = judged(suite)
    assert checks["per_slice"] == "failed"
    assert set(planned_checks(suite, suite.candidates[0])) == set(checks)


def test_where_they_have_none_the_check_is_not_asked_with_its_reason(remote):
    suite = remote()
    checks, candidate = judged(suite)
    assert "per_slice" not in checks
    assert candidate.skipped_checks["per_slice"] == (
        "the data have no column that makes slices"
    )
    assert "per_slice" in planned_checks(suite, suite.candidates[0])


def test_under_pytest_a_failing_slice_of_remote_data_fails(
    remote, release, small, pytester
):
    release.model("candidate.onnx", small.classifier(-small.weights()))
    remote(slice_site=np.array(["a", "b"])[np.arange(60) % 2])
    result = pytester.runpytest(str(release.suite), "-rA")
    result.stdout.fnmatch_lines(["FAILED *candidate::per_slice*"])
