"""A store holds what was put into it, or nothing; never something else."""

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cache import Store, is_store, key_of

KEY = key_of("states", "a")
DAY = 86_400


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def put(store, kind, name, size, age=0.0):
    """An entry that was used so many seconds ago."""
    key = key_of(kind, name)
    store.put(key, os.urandom(size))
    (entry,) = (e for e in store.entries() if e.key == key)
    used = time.time() - age
    os.utime(entry.path, (used, used))
    return key


def test_what_is_put_can_be_got_and_discarded(store):
    assert store.get(KEY) is None
    assert not store.holds(KEY)
    store.put(KEY, b"one")
    store.put(KEY, b"two")
    assert (store.get(KEY), store.holds(KEY)) == (b"two", True)
    assert [entry.kind for entry in store.entries()] == ["states"]
    store.discard(KEY)
    store.discard(KEY)
    assert store.get(KEY) is None


def test_the_folder_says_what_it_is_and_is_in_no_backup_nor_commit(store):
    assert not is_store(store.folder)
    store.put(KEY, b"one")
    assert is_store(store.folder)
    tag = (store.folder / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert (store.folder / ".gitignore").read_text() == "*\n"
    (store.folder / "CACHEDIR.TAG").write_text("Signature: another")
    assert not is_store(store.folder)


@settings(max_examples=30)
@given(value=st.binary(max_size=64), data=st.data())
def test_a_damaged_entry_is_none_and_is_removed(tmp_path_factory, value, data):
    store = Store(tmp_path_factory.mktemp("cache"))
    store.put(KEY, value)
    (entry,) = store.entries()
    whole = entry.path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        changed = whole[:at]
    else:
        flipped = whole[at] ^ data.draw(st.integers(1, 255))
        changed = whole[:at] + bytes([flipped]) + whole[at + 1 :]
    entry.path.write_bytes(changed)
    assert store.get(KEY) is None
    assert store.damaged == [KEY]
    assert list(store.entries()) == []


def test_an_entry_under_another_name_is_no_entry(store):
    store.put(KEY, b"one")
    other = key_of("states", "b")
    store.put(other, b"two")
    one, two = (e.path for e in sorted(store.entries(), key=lambda e: e.key != KEY))
    two.write_bytes(one.read_bytes())
    assert store.get(other) is None
    assert store.get(KEY) == b"one"


def test_verify_finds_and_removes_what_is_damaged(store):
    for name in "abc":
        store.put(key_of("states", name), name.encode())
    entry = next(iter(store.entries()))
    entry.path.write_bytes(b"")
    assert [wrong.key for wrong in store.verify()] == [entry.key]
    assert store.verify() == ()
    assert len(list(store.entries())) == 2


def test_pruning_gives_up_answers_first_and_then_the_longest_unused(store):
    answers = put(store, "answers", "new", 500)
    old = put(store, "states", "old", 500, age=2 * DAY)
    new = put(store, "states", "new", 500, age=DAY)
    assert [gone.key for gone in store.prune(1_200)] == [answers]
    assert [gone.key for gone in store.prune(700)] == [old]
    assert store.holds(new)


def test_pruning_by_age_counts_from_the_last_use(store):
    keys = [put(store, "states", name, 10, age=3 * DAY) for name in "ab"]
    store.get(keys[0])
    assert [gone.key for gone in store.prune(older_than=DAY)] == [keys[1]]


def test_a_full_store_makes_room_by_itself(tmp_path):
    store = Store(tmp_path, limit=20_000)
    for index in range(60):
        store.put(key_of("states", index), bytes(1_000))
    assert sum(entry.size for entry in store.entries()) <= 22_000
    assert store.holds(key_of("states", 59))
    assert not store.holds(key_of("states", 0))


def test_what_takes_a_good_part_of_all_room_is_not_kept(tmp_path):
    store = Store(tmp_path, limit=1_000)
    store.put(KEY, bytes(900))
    assert store.get(KEY) is None
    assert store.unwritten is None


def test_a_folder_that_cannot_be_written_fails_nothing_and_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file")
    store = Store(tmp_path / "taken")
    store.put(KEY, b"one")
    assert "taken" in store.unwritten
    assert store.get(KEY) is None


def test_what_a_killed_writer_left_is_swept_when_it_is_old(store):
    store.put(KEY, b"one")
    fresh, old = (store.folder / "unfinished" / name for name in ("fresh", "old"))
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - DAY, time.time() - DAY))
    store.prune()
    assert fresh.exists()
    assert not old.exists()


def write_many(folder, seed):
    """Put, read and give up the same keys as the others do."""
    store = Store(folder, limit=40_000)
    for index in range(80):
        name = (seed * 37 + index) % 50
        key = key_of("states", name)
        store.put(key, str(name).encode() * 300)
        found = store.get(key_of("states", (name + 25) % 50))
        if found is not None:
            assert found == str((name + 25) % 50).encode() * 300
        if index % 30 == 0:
            store.prune(10_000)
    assert store.damaged == []
    assert store.unwritten is None


def test_processes_that_write_and_prune_at_the_same_time(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=write_many, args=(tmp_path, seed)) for seed in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert Store(tmp_path).verify() == ()
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_threads_share_a_store(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: write_many(tmp_path, seed), range(4)))
    assert Store(tmp_path).verify() == ()
