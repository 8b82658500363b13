import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import (
    ChecksumError,
    GoldenError,
    InferenceError,
    ManifestError,
    MissingGoldenError,
    SuiteError,
)
from harness.golden import record
from harness.golden.record import RecordingWriter
from harness.golden.replay import open_session
from harness.golden.schema import Recording

ABOUT = Recording(
    variant="keras",
    model_sha256="m" * 64,
    data_digest="d" * 64,
    preprocess_digest="p" * 64,
    batch_size=4,
    runtime={"backend": "keras", "version": "3.15.1", "threads": 1, "fast": False},
)
SCORES = np.arange(30, dtype=np.float32).reshape(10, 3)


def write_batches(folder, *batches):
    with RecordingWriter(folder, ABOUT) as writer:
        for batch in batches:
            writer.append(batch)
    return folder


def write(folder, batch, scores=SCORES):
    starts = range(0, len(scores), batch)
    return write_batches(folder, *({"scores": scores[s : s + batch]} for s in starts))


@pytest.fixture
def recording(tmp_path):
    return write(tmp_path / "recorded", 4)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(record, "_SHARD_ROWS", 4)


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_replay_gives_what_was_recorded(recording):
    session = open_session(recording, {})
    answer = session.run({}, slice(2, 5))["scores"]
    np.testing.assert_array_equal(answer, SCORES[2:5])
    assert session.inputs == ()
    assert session.batch_size is None
    session.close()


def test_runtime_tells_what_recorded_it(recording):
    runtime = open_session(recording, {}).runtime
    assert runtime["backend"] == "replay"
    assert runtime["recorded.backend"] == "keras"
    assert runtime["recorded.version"] == "3.15.1"
    assert runtime["recorded.fast"] is False
    assert runtime["data_digest"] == ABOUT.data_digest
    assert runtime["preprocess_digest"] == ABOUT.preprocess_digest
    assert runtime["model_sha256"] == ABOUT.model_sha256
    assert runtime["batch_size"] == 4


@pytest.mark.usefixtures("small_shards")
def test_batches_leave_no_trace_in_the_files(tmp_path):
    folders = [write(tmp_path / str(batch), batch) for batch in (1, 3, 10)]
    assert len(bytes_of(folders[0])) == 4
    assert bytes_of(folders[0]) == bytes_of(folders[1]) == bytes_of(folders[2])


@given(
    per_shard=st.integers(1, 11),
    ahead=st.integers(1, 200),
    starts=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    size=st.integers(1, 6),
)
def test_rows_in_any_order_over_any_shards(
    tmp_path_factory, per_shard, ahead, starts, size
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "_SHARD_ROWS", per_shard)
        patch.setattr("harness.golden.replay._BLOCK_BYTES", ahead)
        session = open_session(write(tmp_path_factory.mktemp("r") / "r", 4), {})
        for start in starts:
            rows = slice(start, min(start + size, 10))
            found = session.run({}, rows)["scores"]
            np.testing.assert_array_equal(found, SCORES[rows])
        session.close()


def test_rows_beyond_the_end_say_how_to_record_them(recording):
    with pytest.raises(MissingGoldenError, match=r"8 to 11.*10 were") as caught:
        open_session(recording, {}).run({}, slice(8, 12))
    assert "harness record" in caught.value.hint


@pytest.mark.usefixtures("small_shards")
def test_changed_shard_is_found_when_it_is_reached(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.golden.replay._BLOCK_BYTES", 1)
    folder = write(tmp_path / "recorded", 4)
    shard = folder / "shard-001.npz"
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    session = open_session(folder, {})
    session.run({}, slice(0, 4))
    with pytest.raises(ChecksumError, match=r"shard-001\.npz"):
        session.run({}, slice(4, 6))


def test_error_leaves_the_older_recording(recording):
    before = bytes_of(recording)
    with pytest.raises(InferenceError):
        write_batches(recording, {"scores": SCORES}, {"other": SCORES})
    assert bytes_of(recording) == before
    assert [p.name for p in recording.parent.iterdir()] == ["recorded"]


def test_new_recording_takes_the_place_of_the_old(recording):
    write(recording, 5, SCORES[:5] + 1)
    session = open_session(recording, {})
    np.testing.assert_array_equal(
        session.run({}, slice(0, 5))["scores"], SCORES[:5] + 1
    )
    session.close()
    assert [p.name for p in recording.parent.iterdir()] == ["recorded"]


@pytest.mark.parametrize(
    "later",
    [
        {"scores": SCORES[:, :2]},
        {"scores": SCORES.astype(np.float64)},
        {"other": SCORES},
        {"scores": SCORES, "more": SCORES},
    ],
)
def test_batches_must_be_alike(tmp_path, later):
    with pytest.raises(InferenceError, match="cannot record"):
        write_batches(tmp_path / "recorded", {"scores": SCORES}, later)
    assert not any(tmp_path.iterdir())


def test_outputs_must_count_the_same_samples(tmp_path):
    with pytest.raises(InferenceError, match=r"\[9, 10\] samples"):
        write_batches(tmp_path / "recorded", {"a": SCORES, "b": SCORES[:9]})


def test_recording_json_says_everything(recording):
    record = json.loads((recording / "recording.json").read_text())
    assert record["format"] == "golden-recording"
    assert record["version"] == 1
    assert record["outputs"] == [{"name": "scores", "dtype": "float32", "shape": [3]}]
    assert [(s["path"], s["rows"]) for s in record["shards"]] == [("shard-000.npz", 10)]


def test_manifest_is_no_recording(recording):
    file = recording / "recording.json"
    file.write_text(file.read_text().replace("golden-recording", "golden-manifest"))
    with pytest.raises(ManifestError, match="golden-recording"):
        open_session(recording, {})


def test_outputs_of_unequal_length(tmp_path):
    np.savez(tmp_path / "outputs.npz", a=np.ones(3), b=np.ones(4))
    with pytest.raises(GoldenError, match="unequal"):
        open_session(tmp_path / "outputs.npz", {})


def test_a_recording_has_no_options(recording):
    with pytest.raises(SuiteError, match="speed"):
        open_session(recording, {"speed": 1})


def test_text_may_grow_from_batch_to_batch(tmp_path, small_shards):
    words = np.array(["a", "b", "c", "d", "much longer", "e"])
    parts = [{"label": words[:4].astype("U1")}, {"label": words[4:]}]
    session = open_session(write_batches(tmp_path / "recorded", *parts), {})
    assert [(spec.dtype, spec.shape) for spec in session.outputs] == [("str", (None,))]
    found = session.run({}, slice(2, 6))["label"]
    session.close()
    assert found.tolist() == words[2:].tolist()
