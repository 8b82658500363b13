import itertools
import os
import signal
import time
from contextlib import contextmanager

import pytest
from counting import Counting
from distributed import LocalCluster

from harness.core.errors import GoldenError, WorkerCrashed
from harness.engines import ENGINES, Settings

SPANS = tuple(slice(at, at + 10) for at in range(0, 1000, 10))
PLAIN = [f"{span.start}:{span.stop}".encode() for span in SPANS]


@pytest.fixture(scope="module")
def cluster():
    """Address of a dask cluster of two workers."""
    options = {
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        "silence_logs": 50,
    }
    with LocalCluster(n_workers=2, memory_limit=0, **options) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(params=list(ENGINES))
def engine(request):
    """Starts two workers that bring back each answer as it is."""
    start = ENGINES.get(request.param)
    there = {"workers": 2}
    if request.param == "dask":
        there = {"address": request.getfixturevalue("cluster")}

    @contextmanager
    def started(work, *, merges=False):
        with start(work, Settings(**there, merges=merges)) as crew:
            yield crew

    return started


def pids(folder, what="opened"):
    return {int(path.name.split("-")[1]) for path in folder.glob(f"{what}-*")}


def eventually(holds):
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_answers_come_in_the_order_of_their_spans(engine, tmp_path):
    told = []
    with engine(Counting(tmp_path)) as crew:
        assert crew.introduce() == b"at your service"
        found = list(crew.run(SPANS, lambda done, of: told.append((done, of))))
    assert found == PLAIN
    assert told == sorted(told)
    assert told[-1] == (1000, 1000)


def test_work_is_opened_once_a_worker_and_closed(engine, tmp_path):
    with engine(Counting(tmp_path)) as crew:
        list(crew.run(SPANS))
        list(crew.run(SPANS[:3]))
    assert 1 <= len(pids(tmp_path)) <= 2
    assert pids(tmp_path, "closed") == pids(tmp_path)
    assert os.getpid() not in pids(tmp_path)


@pytest.mark.parametrize("name", list(ENGINES))
def test_own_workers_leave_nothing_behind(name, tmp_path):
    variables = dict(os.environ)
    with ENGINES.get(name)(Counting(tmp_path), Settings(workers=2)) as crew:
        list(crew.run(SPANS))
    assert dict(os.environ) == variables
    assert pids(tmp_path)
    assert eventually(lambda: not any(map(is_alive, pids(tmp_path))))


def test_what_a_dead_worker_owed_is_run_by_another(engine, tmp_path):
    work = Counting(tmp_path, deaths=((0, 1), (500, 2)))
    with engine(work) as crew:
        crew.introduce()
        assert list(crew.run(SPANS)) == PLAIN
    assert len(list(tmp_path.glob("death-*"))) == 3


def test_a_killed_worker_is_replaced(engine, tmp_path):
    with engine(Counting(tmp_path)) as crew:
        crew.introduce()
        answers = crew.run(SPANS)
        found = [next(answers)]
        os.kill(min(pids(tmp_path)), signal.SIGKILL)
        found += answers
    assert found == PLAIN


def test_a_span_that_ends_every_worker_is_an_error(engine, tmp_path):
    work = Counting(tmp_path, deaths=((500, 99),))
    with engine(work) as crew, pytest.raises(WorkerCrashed) as error:
        list(crew.run(SPANS))
    assert "isolation" in error.value.hint


def test_errors_of_the_work_come_through(engine, tmp_path):
    work = Counting(tmp_path, fails=300)
    damaged = pytest.raises(GoldenError, match="damaged at 300")
    with engine(work) as crew, damaged as error:
        list(crew.run(SPANS))
    assert error.value.hint == "mend it"


def test_work_that_cannot_be_opened_is_an_error(engine, tmp_path):
    work = Counting(tmp_path, opens=False)
    with pytest.raises(GoldenError, match="no data"), engine(work) as crew:
        crew.introduce()


def test_no_spans_have_no_answers(engine, tmp_path):
    with engine(Counting(tmp_path)) as crew:
        crew.introduce()
        assert list(crew.run(())) == []


def test_blocks_hold_neighbours_at_their_places(engine, tmp_path):
    with engine(Counting(tmp_path), merges=True) as crew:
        blocks = [answer.split(b"+") for answer in crew.run(SPANS)]
    assert [part for block in blocks for part in block] == PLAIN
    sizes = [len(block) for block in blocks]
    starts = itertools.accumulate(sizes, initial=0)
    assert all(start % size == 0 for start, size in zip(starts, sizes, strict=False))
