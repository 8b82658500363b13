import subprocess
import sys
from time import monotonic, sleep

from harness.core.machine import n_cores
from harness.engines.load import Meter

BURN = """
import time
held = b"x" * 100_000_000
ends = time.process_time() + 1
while time.process_time() < ends:
    sum(range(1000))
print("done", flush=True)
input()
"""


def test_what_child_processes_take_is_counted():
    meter = Meter()
    before = meter.read().held
    started = monotonic()
    command = [sys.executable, "-c", BURN]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as child:
        child.stdout.readline()
        load = meter.read()
        seconds = monotonic() - started
        child.communicate(b"\n")
    assert 1.0 <= load.busy * load.seconds <= 1.3 * seconds + 0.3
    assert load.held > before + 90e6
    assert load.free > 0


def test_who_waits_takes_nothing():
    meter = Meter()
    sleep(0.5)
    assert 0.5 <= meter.seconds < 5
    load = meter.read()
    assert load.busy < 0.3
    assert 0 <= load.idle <= n_cores()
    assert meter.seconds < 0.5
