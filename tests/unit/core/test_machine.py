import math
import os

import pytest

from harness.core.machine import cores, memory_left, n_cores, quota


@pytest.fixture
def machine(tmp_path):
    """Writes control groups, and tells which ones we are in."""

    def written(own, **files):
        (tmp_path / "own").write_text(own)
        root = tmp_path / "cgroup"
        for name, text in files.items():
            path = root / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root, tmp_path / "own"

    return written


def test_cores_are_those_that_we_may_run_on():
    assert set(cores()) == os.sched_getaffinity(0)
    assert 0 < n_cores() <= len(cores())


def test_a_container_has_a_share(machine):
    there = machine("0::/\n", cpu_dot_max="150000 100000\n")
    assert quota(*there) == 1.5


def test_the_tightest_group_around_us_counts(machine):
    there = machine(
        "0::/a/b\n",
        cpu_dot_max="max 100000\n",
        a__cpu_dot_max="200000 100000\n",
        a__b__cpu_dot_max="400000 100000\n",
        a__memory_dot_max="1000\n",
        a__memory_dot_current="900\n",
        a__memory_dot_stat="anon 500\ninactive_file 300\n",
        a__b__memory_dot_max="max\n",
        a__b__memory_dot_current="10\n",
    )
    assert quota(*there) == 2.0
    assert memory_left(*there) == 400.0


def test_version_one_has_a_tree_a_controller(machine):
    there = machine(
        "4:memory:/of/the/host\n2:cpu,cpuacct:/of/the/host\n0::/\n",
        **{
            "cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": "1000\n",
            "memory/memory.usage_in_bytes": "250\n",
        },
    )
    assert quota(*there) == 0.5
    assert memory_left(*there) == 750.0


@pytest.mark.parametrize("own", ["", "0::/\n", "1:cpu:/\n"])
def test_nothing_said_is_no_limit(machine, own):
    there = machine(
        own, cpu__cpu_dot_cfs_quota_us="-1\n", cpu__cpu_dot_cfs_period_us="100000\n"
    )
    assert quota(*there) == math.inf
    assert memory_left(*there) == math.inf
