import os
import subprocess
import sys

import pytest

from harness.engines.cores import cores_in_all, shares

MINE = sorted(os.sched_getaffinity(0))
KEPT = """
import os, threading
from harness.engines.cores import keep_to

go, seen = threading.Event(), []
def look():
    go.wait()
    seen.append(os.sched_getaffinity(0))
thread = threading.Thread(target=look)
thread.start()
keep_to(())
before = os.sched_getaffinity(0)
keep_to([min(before)])
go.set()
thread.join()
print(len(before), seen == [{min(before)}], os.sched_getaffinity(0) == {min(before)})
"""


@pytest.mark.parametrize("n_workers", range(1, len(MINE) + 1))
def test_cores_are_shared_out_whole(n_workers):
    found = shares(n_workers)
    assert sorted(core for share in found for core in share) == MINE
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_too_many_workers_share_all_cores():
    assert shares(len(MINE) + 1) == [()] * (len(MINE) + 1)


def test_no_more_cores_are_counted_than_there_are():
    assert 1 <= cores_in_all() <= len(MINE)


def test_threads_that_are_there_are_kept_to_the_cores_as_well():
    command = [sys.executable, "-c", KEPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(MINE)), "True", "True"]
