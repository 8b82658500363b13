"""What is dask's alone: clusters that others own, that grow, and that break."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from counting import Counting
from distributed import Client, LocalCluster

from harness.core.errors import BackendError, GoldenError
from harness.engines import ENGINES, Settings, dask_, dask_worker
from harness.engines.cores import shares

SPANS = tuple(slice(at, at + 10) for at in range(0, 1000, 10))
PLAIN = [f"{span.start}:{span.stop}".encode() for span in SPANS]
CLIENT = """
import sys
from pathlib import Path
from counting import Counting
from harness.engines import ENGINES, Settings

work = Counting(Path(sys.argv[2]), slow=0.2)
with ENGINES.get("dask")(work, Settings(address=sys.argv[1])) as crew:
    crew.introduce()
    for answer in crew.run([slice(at, at + 1) for at in range(1000)]):
        print(answer, flush=True)
"""

ELSEWHERE = """
from distributed import LocalCluster

if __name__ == "__main__":
    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, silence_logs=50, **options) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@contextmanager
def cluster(n_workers):
    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    options |= {"memory_limit": 0, "silence_logs": 50}
    with LocalCluster(n_workers=n_workers, **options) as made:
        yield made


@pytest.fixture(scope="module")
def two():
    """A cluster of two workers."""
    with cluster(2) as made:
        yield made


def crew_of(work, address=None, *, merges=False):
    settings = Settings(workers=2, address=address, merges=merges)
    return ENGINES.get("dask")(work, settings)


def marks(folder, what):
    return {int(path.name.split("-")[1]) for path in folder.glob(f"{what}-*")}


def both_have_opened(crew, folder):
    crew.introduce()
    assert eventually(lambda: len(marks(folder, "opened")) == 2)


def eventually(holds):
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


@pytest.fixture
def killed(two, tmp_path):
    """A folder that tells of work whose client was killed while it ran."""
    folder = tmp_path / "killed"
    folder.mkdir()
    command = [sys.executable, "-c", CLIENT, two.scheduler_address, str(folder)]
    path = os.pathsep.join(filter(None, sys.path))
    asked = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}
    )
    assert asked.stdout is not None
    with asked.stdout as answers:
        answers.readline()
        assert eventually(lambda: len(marks(folder, "opened")) == 2)
        asked.kill()
        asked.wait()
    assert not marks(folder, "closed")
    return folder


def test_other_work_closes_what_a_killed_client_left_open(two, killed, tmp_path):
    with crew_of(Counting(tmp_path), two.scheduler_address) as crew:
        assert list(crew.run(SPANS)) == PLAIN
        assert eventually(lambda: marks(killed, "closed") == marks(killed, "opened"))


def _sweep_often():
    dask_worker._SWEEP_SECONDS = 0.1


@pytest.fixture
def sweeping(two):
    """Workers of their own that look often for clients who are gone."""
    with Client(two) as client:
        client.restart()
        client.run(_sweep_often)


@pytest.mark.usefixtures("sweeping")
def test_nobody_need_come_for_what_a_killed_client_left_open(request):
    folder = request.getfixturevalue("killed")
    assert eventually(lambda: marks(folder, "closed") == marks(folder, "opened"))


@pytest.mark.usefixtures("sweeping")
def test_work_is_kept_while_its_client_is_there(two, tmp_path):
    with crew_of(Counting(tmp_path), two.scheduler_address) as crew:
        both_have_opened(crew, tmp_path)
        time.sleep(0.5)
        assert not marks(tmp_path, "closed")
        assert list(crew.run(SPANS)) == PLAIN
    assert marks(tmp_path, "closed") == marks(tmp_path, "opened")


def test_an_error_does_not_wait_for_those_who_still_work(two, tmp_path):
    work = Counting(tmp_path, fails=10, slow=5.0)
    with crew_of(work, two.scheduler_address) as crew:
        both_have_opened(crew, tmp_path)
        started = time.monotonic()
        with pytest.raises(GoldenError, match="damaged at 10"):
            list(crew.run(SPANS[:2]))
    assert time.monotonic() - started < 4
    assert eventually(lambda: marks(tmp_path, "closed") == marks(tmp_path, "opened"))


def test_blocks_that_wait_for_a_slow_worker_are_run_by_others(two, tmp_path):
    work = Counting(tmp_path, slow=1.0)
    with crew_of(work, two.scheduler_address, merges=True) as crew:
        both_have_opened(crew, tmp_path)
        started = time.monotonic()
        found = b"+".join(crew.run(SPANS[:60])).split(b"+")
    assert found == PLAIN[:60]
    # For its half of them, the slow worker would need 30 s.
    assert time.monotonic() - started < 15


def test_progress_counts_blocks_that_are_done_before_their_turn(two, tmp_path):
    told = []
    work = Counting(tmp_path, slow=0.5)
    with crew_of(work, two.scheduler_address) as crew:
        both_have_opened(crew, tmp_path)
        answers = crew.run(SPANS, lambda done, of: told.append((done, of)))
        assert next(answers) == PLAIN[0]
        assert len(told) > 1
        assert [*answers] == PLAIN[1:]
    assert told == sorted(told)
    assert told[-1] == (1000, 1000)


def test_workers_of_our_own_keep_to_their_share_of_the_cores(tmp_path):
    ours = os.sched_getaffinity(0)
    # The second takes the place of the one that dies, and its cores.
    work = Counting(tmp_path, deaths=((500, 1),))
    with crew_of(work) as crew:
        crew.introduce()
        assert list(crew.run(SPANS)) == PLAIN
    found = {path.read_text() for path in tmp_path.glob("opened-*")}
    expected = {" ".join(map(str, share or sorted(ours))) for share in shares(2)}
    assert len(marks(tmp_path, "opened")) >= 2
    assert found <= expected
    assert os.sched_getaffinity(0) == ours


def test_other_versions_are_refused(two, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_, "package_versions", lambda: {"numpy": "0.1"})
    refused = pytest.raises(BackendError, match=r"has numpy .* is 0\.1")
    with refused, crew_of(Counting(tmp_path), two.scheduler_address):
        pass
    assert not marks(tmp_path, "opened")


def test_a_scheduler_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_, "_CONNECT_SECONDS", 0.5)
    nobody = pytest.raises(BackendError, match="no dask scheduler answers at tcp")
    with nobody, crew_of(Counting(tmp_path), "tcp://127.0.0.1:1"):
        pass


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(dask_, "_NOBODY_SECONDS", 0.5)
    monkeypatch.setattr(dask_, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(dask_, "_FETCH_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_a_cluster_without_workers_is_an_error(tmp_path):
    nobody = pytest.raises(BackendError, match="has had no workers for")
    work = Counting(tmp_path)
    with (
        cluster(0) as made,
        nobody as error,
        crew_of(work, made.scheduler_address) as crew,
    ):
        crew.introduce()
    assert f"dask worker {made.scheduler_address}" in error.value.hint


def test_workers_that_come_later_are_waited_for(tmp_path):
    with (
        cluster(0) as made,
        crew_of(Counting(tmp_path), made.scheduler_address) as crew,
    ):
        made.scale(1)
        assert crew.introduce() == b"at your service"
        made.scale(2)
        assert list(crew.run(SPANS)) == PLAIN


@pytest.mark.usefixtures("impatient")
def test_workers_that_all_go_are_an_error(tmp_path):
    with (
        cluster(2) as made,
        crew_of(Counting(tmp_path), made.scheduler_address) as crew,
    ):
        crew.introduce()
        answers = crew.run(SPANS)
        next(answers)
        made.scale(0)
        assert eventually(lambda: not made.workers)
        with pytest.raises(BackendError, match="has had no workers for"):
            list(answers)


def test_a_scheduler_that_dies_is_an_error(tmp_path):
    command = [sys.executable, "-c", ELSEWHERE]
    path = os.pathsep.join(filter(None, sys.path))
    scheduler = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    with scheduler, crew_of(Counting(tmp_path, slow=0.2), _said(scheduler)) as crew:
        crew.introduce()
        answers = crew.run(SPANS)
        next(answers)
        scheduler.kill()
        with pytest.raises(BackendError, match="connection to the dask scheduler is"):
            list(answers)
        ended = time.monotonic()
    assert time.monotonic() - ended < 4


def _said(process):
    return process.stdout.readline().strip()
