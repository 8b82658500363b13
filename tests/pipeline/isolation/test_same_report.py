"""Who runs in a process of its own, and that nothing else changes by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.core.codec import to_json
from harness.core.specs import GoldenSpec, RunOptions, Suite, VariantSpec

DIGITS = Path(__file__).parents[3] / "golden" / "digits"
ODD = [
    *("two_by_two", "recurrent", "time_major", "fixed_batch_3", "fixed_time_major"),
    *("tokens", "json_names", "scalar", "unbatched", "half", "brain_half", "flags"),
    *("zipmap_numbers", "zipmap_words"),
]


class TestTheSameReport:
    def test_of_the_digits_suite(self):
        reports = [
            harness.evaluate(DIGITS, RunOptions(isolation=isolation))
            for isolation in ("none", "process")
        ]
        ours, theirs = map(stable, reports)
        assert json.dumps(ours) == json.dumps(theirs)
        for variant in reports[1].variants:
            if variant.status == "ran":
                assert variant.runtime["isolation"] == "process"
                assert variant.seconds_per_sample > 0

    @pytest.mark.parametrize("name", ODD)
    def test_of_odd_models(self, zoo, tmp_path, name):
        """Two inputs, text, other axes, fixed batches, scalars, half floats, ..."""
        case = zoo(name)
        np.savez(tmp_path / "golden.npz", **case.golden)
        np.savez(tmp_path / "answers.npz", **case.answers)
        suite = Suite(
            path=tmp_path / "quality.toml",
            name=name,
            task="tensor",
            reference="original",
            golden=GoldenSpec(tmp_path / "golden.npz"),
            variants=(
                VariantSpec("original", "original", tmp_path / "answers.npz"),
                VariantSpec(
                    "exported", "converted", case.model, batch_axis=case.batch_axis
                ),
            ),
        )
        ours, theirs = (
            harness.evaluate(suite, RunOptions(isolation=isolation))
            for isolation in ("none", "process")
        )
        assert json.dumps(stable(ours)) == json.dumps(stable(theirs))
        exported = theirs.variant("exported")
        assert exported.status == "ran"
        assert exported.runtime == {
            **ours.variant("exported").runtime,
            "isolation": "process",
        }

    def test_of_an_isolated_recording(self, release, small):
        release.add('isolation = "process"')
        release.edit('"golden.npz"', '"golden.npz"\nrecorded = "recorded"')
        done = small.invoke("record", release.suite, "--variant", "candidate")
        assert done.exit_code == 0, done.output
        recorded = release.folder / "recorded" / "candidate"
        release.edit('path = "candidate.onnx"', f'path = "{recorded}"')
        report = harness.evaluate(release.suite)
        assert report.variant("candidate").status == "replayed"
        assert report.verdict == "passed"


class TestWhoIsIsolated:
    """Told by `runtime`, which says so of those that are."""

    def isolation(self, release, *arguments) -> list[str | None]:
        result = release.run(*arguments)
        assert result.exit_code == 0, result.output
        variants = release.record()["variants"]
        return [v["runtime"].get("isolation") for v in variants]

    def test_everybody_by_default(self, release):
        assert self.isolation(release) == ["process", "process"]

    def test_nobody_where_the_suite_says_so(self, release):
        release.edit("[suite]", '[suite]\nisolation = "none"')
        assert self.isolation(release) == [None, None]

    def test_a_variant_goes_before_the_suite(self, release):
        release.edit("[suite]", '[suite]\nisolation = "process"')
        release.add('isolation = "none"')
        assert self.isolation(release) == ["process", None]

    def test_what_only_a_process_can_have_asks_for_one(self, release):
        release.edit("[suite]", '[suite]\nisolation = "none"')
        release.add('env = { OMP_NUM_THREADS = "1" }')
        assert self.isolation(release) == [None, "process"]
        assert release.candidate()["runtime"]["env.OMP_NUM_THREADS"] == "1"

    def test_the_command_line_goes_before_all(self, release):
        assert self.isolation(release, "--isolation", "process") == ["process"] * 2
        release.add("timeout = 5")
        assert self.isolation(release, "--isolation", "none") == [None, None]


def stable(report) -> dict:
    """A report without what tells where and when it was made."""
    record = to_json(report)
    record.pop("provenance")
    for variant in record["variants"]:
        for key in ("seconds_per_sample", "runtime"):
            variant.pop(key)
    return record
