"""What did not change is not computed again, and the report is the same."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest

from harness.cache import Store
from harness.core.codec import to_json
from harness.core.specs import MatrixSpec, RunOptions
from harness.golden.write import write_manifest_folder
from harness.pipeline import evaluate, kept_answers
from harness.suite import load_suite

GOLDEN = Path(__file__).parents[2] / "golden"
SUITE = """
[suite]
name = "several"
task = "classification"
reference = "reference"
isolation = "none"

[golden]
data = "golden.npz"
"""
VARIANT = """
[[variant]]
name = "{name}"
kind = "converted"
path = "{name}.onnx"
"""
NAMES = ("reference", "one", "two", "three")


def stable(report) -> str:
    """A report without what may differ between two runs."""
    record = to_json(report)
    record.pop("provenance")
    for variant in record["variants"]:
        variant.pop("seconds_per_sample")
    return json.dumps(record)


@pytest.fixture
def several(release, small):
    """A suite with three candidates, one of which drifts; parts enough to be cut."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (20_000, 4)).astype(np.float32)
    release.data(x=x, label=rng.integers(0, 3, len(x)))
    release.write(SUITE + "".join(VARIANT.format(name=name) for name in NAMES))
    for name in NAMES:
        model = small.classifier(small.weights() * (1.01 if name == "two" else 1))
        model.doc_string = name
        release.model(f"{name}.onnx", model)
    return release


@pytest.fixture
def opened(monkeypatch):
    """Names of the variants that were opened, in their order."""
    names = []
    original = kept_answers.Opening

    def watched(spec):
        names.append(spec.name)
        return original(spec)

    monkeypatch.setattr(kept_answers, "Opening", watched)
    return names


@pytest.fixture
def checked(several, run):
    """Runs the suite with a cache, and without one: what both say is the same."""

    def checked(**options):
        report = run(**options)
        assert stable(report) == stable(run(**options, cache=None))
        return report

    return checked


@pytest.fixture
def run(several, tmp_path):
    """Runs the suite with a cache."""

    def run(suite=None, **options):
        asked = {"diagnose": False, "cache": tmp_path / "cache", **options}
        return evaluate(suite or several.suite, RunOptions(**asked))

    run.store = Store(tmp_path / "cache")
    return run


def kinds(store, kind):
    return sorted(entry.key for entry in store.entries() if entry.kind == kind)


def change(release, name):
    """Other bytes, the same numbers."""
    path = release.folder / f"{name}.onnx"
    model = onnx.load(path)
    model.doc_string += " changed"
    onnx.save(model, path)


class TestWhatIsRun:
    def test_first_everyone_then_nobody(self, run, checked, opened):
        first = run()
        assert opened == list(NAMES)
        assert "cache" not in first.provenance
        again = checked()
        assert opened == list(NAMES)
        told = f"everything, as computed at {first.provenance['started']}"
        assert again.provenance["cache"] == told
        assert again.provenance["canaries"] == first.provenance["canaries"]

    def test_a_changed_candidate_alone(self, run, checked, several, opened):
        run(diagnose=True)
        opened.clear()
        change(several, "two")
        assert (
            checked(diagnose=True).provenance["cache"]
            == "answers of reference, one, three"
        )
        assert opened == ["two"]

    def test_a_changed_reference_alone(self, run, checked, several, opened):
        run()
        opened.clear()
        change(several, "reference")
        assert checked().provenance["cache"] == "answers of one, two, three"
        assert opened == ["reference"]

    def test_nobody_for_another_limit(self, run, checked, several, opened):
        run()
        opened.clear()
        several.add("[variant.gate]\nmin_top1_agreement = 0.5")
        checked()
        assert opened == []

    def test_nobody_for_another_tolerance(self, run, checked, several, opened):
        run()
        opened.clear()
        several.add("[variant.gate]\natol = 0.5")
        checked()
        assert opened == []

    def test_whoever_is_added(self, run, checked, several, small, opened):
        run()
        opened.clear()
        several.write(several.suite.read_text() + VARIANT.format(name="four"))
        several.model("four.onnx", small.classifier())
        checked()
        assert opened == ["four"]

    def test_a_part_of_the_candidates_and_then_the_rest(self, run, checked, opened):
        run(only=("two",))
        assert opened == ["reference", "two"]
        opened.clear()
        checked()
        assert opened == ["one", "three"]

    def test_whose_answers_were_given_up(self, run, checked, several, opened):
        run()
        opened.clear()
        shutil.rmtree(run.store.folder / "entries" / "answers")
        change(several, "two")
        checked()
        assert sorted(opened) == ["reference", "two"]

    def test_everyone_where_only_answers_are_left(self, run, checked, opened):
        run()
        opened.clear()
        for kind in ("reports", "states"):
            shutil.rmtree(run.store.folder / "entries" / kind)
        checked()
        assert opened == []

    def test_workers_share_it(self, run, opened):
        first = run(workers=2)
        assert len(kinds(run.store, "states")) > 4
        assert run(workers=2).provenance["cache"].startswith("everything")
        shutil.rmtree(run.store.folder / "entries" / "reports")
        assert stable(run(workers=2)) == stable(first)
        assert opened == []  # by us: they did, before


class TestWhatIsNotKept:
    def test_a_candidate_that_fails(self, run, several, opened):
        (several.folder / "two.onnx").write_bytes(b"no model")
        for _ in range(2):
            assert run().variant("two").status == "error"
        assert kinds(run.store, "reports") == []
        assert opened.count("two") == 2
        assert opened.count("one") == 1

    def test_a_candidate_that_stops_on_its_way(self, run, several, small, opened):
        """One that takes seven samples at a time, and is fed them two axes deep."""
        model = small.classifier(shape=("n", 4), flatten=True)
        node = model.graph.node[0]
        node.op_type = "Reshape"
        shape = onnx.numpy_helper.from_array(np.array([32, 4]), "shape")
        model.graph.initializer.append(shape)
        node.input.append("shape")
        several.model("two.onnx", model)
        for _ in range(2):
            report = run()
            assert report.variant("two").status == "ran"
        golden = np.load(several.folder / "golden.npz")
        several.data(x=golden["x"][:-5], label=golden["label"][:-5])
        opened.clear()
        for _ in range(2):
            assert run().variant("two").status == "error"
        assert opened.count("two") == 2

    def test_another_interpreter_and_an_endpoint(self, several, run):
        suite = load_suite(several.suite)
        run(suite)
        *others, last = suite.variants
        last = replace(last, url="http://127.0.0.1:9/v2/models/m", backend="kserve")
        elsewhere = replace(suite, variants=(*others, last))
        before = kinds(run.store, "reports")
        run(elsewhere)
        assert kinds(run.store, "reports") == before

    def test_a_damaged_entry_is_told_and_computed_anew(self, run, opened):
        run()
        for entry in list(run.store.entries()):
            if entry.kind in ("reports", "states"):
                entry.path.write_bytes(entry.path.read_bytes()[:-1])
        report = run()
        n = len([n for n in report.notices if "damaged entries of the cache" in n])
        assert n == 1
        assert opened == list(NAMES)  # the answers were sound
        assert run.store.verify() == ()
        assert not any("damaged" in notice for notice in run().notices)


def edited(**changes):
    """A suite with a variant's settings changed."""

    def edit(suite):
        *others, last = suite.variants
        return replace(suite, variants=(*others, replace(last, **changes)))

    return edit


def golden(**changes):
    return lambda suite: replace(suite, golden=replace(suite.golden, **changes))


class TestKeys:
    @pytest.mark.parametrize(
        "edit",
        [
            edited(options={"graph_optimization_level": "disable"}),
            edited(batch_size=8),
            edited(inputs={"x": "x"}),
            edited(isolation="process"),
            edited(env={"SOME": "1"}, isolation="process"),
            edited(backend="onnx-reference"),
            edited(batch_axis=0),
            edited(preprocess=None),
        ],
    )
    def test_what_changes_answers_has_the_variant_run_again(self, run, several, edit):
        suite = load_suite(several.suite)
        run(suite)
        states = kinds(run.store, "facts")
        changed = edit(suite)
        run(changed)
        more = len(kinds(run.store, "facts")) - len(states)
        assert more == (0 if changed == suite else 1)

    @pytest.mark.parametrize(
        "edit",
        [
            edited(kind="quantized"),
            edited(gate={"atol": 0.1}),
            edited(gate={"rtol": 0.1}),
            edited(outputs={"scores": "scores"}),
            lambda suite: replace(suite, task_options={"top_k": 2}),
            lambda suite: replace(suite, task="tensor"),
            lambda suite: replace(suite, min_slice=7),
            golden(group="label"),
        ],
    )
    def test_what_changes_comparisons_has_them_made_again(self, run, several, edit):
        suite = load_suite(several.suite)
        run(suite)
        before = [kinds(run.store, kind) for kind in ("facts", "states")]
        run(edit(suite))
        after = [kinds(run.store, kind) for kind in ("facts", "states")]
        assert after[0] == before[0]
        assert len(after[1]) > len(before[1])

    @pytest.mark.parametrize(
        "edit",
        [
            lambda suite: replace(suite, name="another"),
            lambda suite: replace(suite, undecided="fail"),
            edited(gate={"max_accuracy_drop": 0.5}),
            edited(line=99),
            edited(timeout=5.0),
        ],
    )
    def test_what_changes_the_report_alone_has_it_written_again(
        self, run, several, edit
    ):
        suite = load_suite(several.suite)
        run(suite)
        before = [kinds(run.store, kind) for kind in ("facts", "states", "reports")]
        run(edit(suite))
        after = [kinds(run.store, kind) for kind in ("facts", "states", "reports")]
        assert after[:2] == before[:2]
        assert len(after[2]) == len(before[2]) + 1

    @pytest.mark.parametrize(
        "options",
        [
            {"missing": "fail"},
            {"only": ("one", "two", "three")},
            {"diagnosis_seconds": 60.0},
            {"isolation": "process"},
        ],
        ids=str,
    )
    def test_options_that_change_a_report_are_in_its_key(self, run, options):
        run()
        before = kinds(run.store, "reports")
        run(**options)
        assert len(kinds(run.store, "reports")) == len(before) + 1

    def test_options_that_change_no_report_are_not(self, run):
        run()
        before = kinds(run.store, "reports")
        run(workers=2)
        run(today=date(2020, 1, 1))  # there are no waivers
        run(cache_bytes=10**9)
        assert kinds(run.store, "reports") == before

    @pytest.mark.parametrize(
        "variable", ["OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "ORT_SOMETHING"]
    )
    def test_variables_that_runtimes_go_by(self, run, monkeypatch, opened, variable):
        run()
        opened.clear()
        monkeypatch.setenv(variable, "another")
        run()
        assert opened == list(NAMES)

    @pytest.mark.parametrize("what", ["own_code", "cpu_flags", "version_of"])
    def test_versions_and_the_machine(self, run, monkeypatch, opened, what):
        run()
        opened.clear()
        from harness.pipeline import circumstances

        monkeypatch.setattr(circumstances, what, lambda *_: ["another"])
        run()
        assert opened == list(NAMES)

    def test_other_data_of_the_same_shape(self, run, several, opened):
        run()
        opened.clear()
        rng = np.random.default_rng(6)
        x = rng.normal(0, 1, (20_000, 4)).astype(np.float32)
        several.data(x=x, label=rng.integers(0, 3, len(x)))
        run()
        assert sorted(opened) == sorted(NAMES)

    def test_a_waiver_and_the_day_that_it_is_held_against(self, run, several):
        waiver = """
            [[waiver]]
            variant = "two"
            check = "outputs_close"
            why = "known"
            who = "me"
            until = 2030-01-01
            """
        (several.folder / "waivers.toml").write_text(waiver)
        several.add("[variant.gate]\natol = 0.0\nrtol = 0.0")
        suite = load_suite(several.suite)
        before = run(suite, today=date(2029, 12, 31))
        after = run(suite, today=date(2030, 1, 2))
        states = [report.waivers[0].state for report in (before, after)]
        assert states == ["used", "expired"]
        assert len(kinds(run.store, "reports")) == 2

    def test_a_matrix_is_kept_too(self, run, several):
        suite = edited(matrix=MatrixSpec(levels=("disable",)))(
            load_suite(several.suite)
        )
        run(suite)
        assert len(kinds(run.store, "matrices")) == 1
        run(replace(suite, name="again"))
        assert len(kinds(run.store, "matrices")) == 1


def write(release, golden):
    """The golden data as a manifest's shards of 4,500 samples."""
    shutil.rmtree(release.folder / "golden", ignore_errors=True)
    folder = release.folder / "golden"
    write_manifest_folder(folder, golden, name="many", rows_per_shard=4_500)
    release.write(release.suite.read_text().replace("golden.npz", "golden"))


class TestShards:
    def test_added_shards_leave_earlier_parts_as_they_are(self, several, run, opened):
        golden = dict(np.load(several.folder / "golden.npz"))
        write(several, golden)
        run()
        states, answers = (kinds(run.store, kind) for kind in ("states", "answers"))
        opened.clear()
        rng = np.random.default_rng(8)
        more = {
            "x": np.concatenate([golden["x"], rng.normal(0, 1, (4096, 4))]),
            "label": np.concatenate([golden["label"], rng.integers(0, 3, 4096)]),
        }
        write(several, more | {"x": more["x"].astype(np.float32)})
        run()
        # The window that was cut short is whole now, and another is begun.
        assert sorted(opened) == sorted(NAMES)
        assert len(kinds(run.store, "states")) == len(states) + 2 * len(NAMES)
        assert len(kinds(run.store, "answers")) == len(answers) + 2 * len(NAMES)
        assert set(states) <= set(kinds(run.store, "states"))


@pytest.mark.parametrize("name", ["digits", "digits-regressed"])
def test_the_golden_suites_say_the_same(tmp_path, core_install, name):
    shutil.copytree(GOLDEN, tmp_path / "golden")
    suite = tmp_path / "golden" / name
    plain = stable(evaluate(suite))
    options = RunOptions(cache=tmp_path / "cache")
    first, again = (evaluate(suite, options) for _ in range(2))
    assert stable(first) == stable(again) == plain
    assert again.provenance["cache"].startswith("everything")
    shutil.rmtree(tmp_path / "cache" / "entries" / "reports")
    assert stable(evaluate(suite, options)) == plain


def test_who_is_opened_on_the_way_is_closed(several, tmp_path):
    """What is known of variants lets them be opened late, where data are new."""
    options = RunOptions(cache=tmp_path / "cache", isolation="process", diagnose=False)
    evaluate(several.suite, options)
    rng = np.random.default_rng(6)
    x = rng.normal(0, 1, (2_000, 4)).astype(np.float32)
    several.data(x=x, label=rng.integers(0, 3, len(x)))
    before = set(psutil.Process().children())
    report = evaluate(several.suite, options)
    assert all(variant.status == "ran" for variant in report.variants)
    assert set(psutil.Process().children()) <= before
