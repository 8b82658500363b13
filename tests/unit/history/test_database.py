"""The history file: what is kept, what is refused, and who may write at once."""

import json
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from harness.core.errors import ReportError
from harness.history.database import History
from harness.history.schema import VERSION

RNG = np.random.default_rng(0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "reports" / "history.sqlite"


@pytest.fixture
def night(nights):
    return nights.report(nights.Night(), 0, np.random.default_rng(0))


def test_what_is_kept_comes_back(file, night, nights):
    with History(file, create=True) as history:
        assert history.add(night) == 1
    with History(file) as history:
        (stored,) = history.runs("digits", 10)
        assert history.suites() == ("digits",)
    candidate = stored.variants["onnx-int8"]
    assert list(stored.variants) == ["keras", "onnx-int8"]
    assert stored.run.verdict == "passed"
    assert candidate.kind == "quantized"
    assert set(candidate.metrics) == {
        *("verdict", "accuracy", "agreement", "worst_recall", "max_error", "sqnr"),
        *("size", "seconds"),
    }
    assert candidate.metrics["worst_recall"] == 0.944
    assert candidate.metrics["max_error"] == night.variants[1].outputs[0].max_abs_error
    assert candidate.facts["model"] == nights.digest("model 1")
    assert stored.facts["package onnxruntime"] == "1.30.0"


def test_there_is_a_row_a_run_variant_and_metric(file, night):
    with History(file, create=True) as history:
        history.add(night)
        history.add(night)
    rows = sqlite3.connect(file).execute("SELECT run, variant, metric FROM measures")
    found = rows.fetchall()
    assert len(found) == len(set(found)) == 2 * (8 + 1)


def test_numbers_that_are_none_or_not_finite_are_left_out(file, night):
    reference, candidate = night.variants
    broken = replace(
        candidate,
        labels=None,
        seconds_per_sample=float("nan"),
        outputs=(replace(candidate.outputs[0], max_abs_error=None, sqnr_db=None),),
    )
    with History(file, create=True) as history:
        history.add(replace(night, variants=(reference, broken)))
        (stored,) = history.runs("digits", 1)
    assert set(stored.variants["onnx-int8"].metrics) == {"verdict", "size"}


def test_names_of_others_are_kept_as_they_are(file, night):
    name = "'; DROP TABLE runs; -- \u202e\udcff"
    variant = replace(night.variants[1], name=name)
    hostile = replace(
        night,
        suite=replace(night.suite, name=name),
        variants=(night.variants[0], variant),
    )
    with History(file, create=True) as history:
        history.add(hostile)
        (stored,) = history.runs(name, 5)
    assert [*stored.variants][1].startswith("'; DROP TABLE runs; -- \u202e")


def test_runs_are_told_in_the_order_of_their_start(file, nights):
    with History(file, create=True) as history:
        for index in (4, 1, 3):
            history.add(nights.report(nights.Night(), index, np.random.default_rng(0)))
        assert [stored.run.id for stored in history.runs("digits", 10)] == [2, 3, 1]
        assert [stored.run.id for stored in history.runs("digits", 2)] == [3, 1]


class TestAccepting:
    def test_the_newest_run_is_accepted_unless_one_is_named(self, file, nights):
        with History(file, create=True) as history:
            for index in range(3):
                history.add(
                    nights.report(nights.Night(), index, np.random.default_rng(0))
                )
            assert history.accepted("digits") is None
            assert history.accept("digits").id == 3
            assert history.accept("digits", 1).id == 1
            assert history.accepted("digits").run.id == 1

    def test_a_run_that_is_not_there_cannot_be(self, file, night):
        with History(file, create=True) as history:
            history.add(night)
            with pytest.raises(ReportError, match="no run 7 of suite 'digits'"):
                history.accept("digits", 7)
            with pytest.raises(ReportError, match="no run of suite 'other'"):
                history.accept("other")


class TestRefusing:
    def test_a_missing_file_is_not_made_by_a_reader(self, file):
        with pytest.raises(ReportError, match="there is no history file"):
            History(file)
        assert not file.parent.exists()

    @pytest.mark.parametrize("content", [b"[suite]\nname = 1\n", b"SQLite format 2\0"])
    def test_another_file_is_left_as_it_is(self, tmp_path, content):
        path = tmp_path / "quality.toml"
        path.write_bytes(content)
        with pytest.raises(ReportError, match="no history of model quality"):
            History(path, create=True)
        assert path.read_bytes() == content

    def test_somebody_elses_database_is_left_as_it_is(self, tmp_path):
        path = tmp_path / "theirs.sqlite"
        with sqlite3.connect(path) as theirs:
            theirs.execute("CREATE TABLE runs (id)")
        theirs.close()
        with pytest.raises(ReportError, match="no history of model quality"):
            History(path, create=True)

    def test_a_folder(self, tmp_path):
        with pytest.raises(ReportError, match="is a folder"):
            History(tmp_path, create=True)

    def test_a_newer_version(self, file, night):
        with History(file, create=True) as history:
            history.add(night)
        with sqlite3.connect(file) as raw:
            raw.execute(f"PRAGMA user_version = {VERSION + 1}")
        raw.close()
        with pytest.raises(ReportError, match="pip install --upgrade"):
            History(file)

    def test_a_damaged_file_is_said_to_be(self, file, nights):
        with History(file, create=True) as history:
            for index in range(20):
                history.add(nights.report(nights.Night(), index, RNG))
        content = bytearray(file.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        file.write_bytes(bytes(content))
        with (
            pytest.raises(ReportError, match=r"malformed|damaged"),
            History(file) as old,
        ):
            old.runs("digits", 10)

    def test_facts_that_are_no_json(self, file, night):
        with History(file, create=True) as history:
            history.add(night)
            history._connection.execute("UPDATE runs SET facts = '{'")
            with pytest.raises(ReportError, match="history"):
                history.runs("digits", 10)


def test_a_run_that_cannot_be_kept_whole_leaves_nothing(file, night):
    twice = replace(night, variants=(*night.variants, night.variants[1]))
    with History(file, create=True) as history:
        with pytest.raises(ReportError):
            history.add(twice)
        assert history.runs("digits", 10) == ()
        assert history.add(night)


def test_facts_are_sorted_json(file, night):
    with History(file, create=True) as history:
        history.add(night)
    (facts,) = sqlite3.connect(file).execute("SELECT facts FROM runs").fetchone()
    assert facts == json.dumps(json.loads(facts), sort_keys=True)
