"""The four reports that are looked at: passing, failing, huge, hostile.

    python looked_at.py FOLDER

The first three are real runs; the hostile one is the failing one with its texts turned
into attacks. Each becomes JSON, and its page is made from that alone.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import hostile_names
import thousand_classes

from harness.core.results import Waiver, WaiverUse
from harness.report.files import write_report
from harness.report.json_ import read_report

ROOT = Path(__file__).parents[2]
# Name -> suite, and how its run ends.
SUITES = {
    "passing": ("golden/digits", 0),
    "failing": ("golden/digits-regressed", 1),
    "huge": ("birds", 1),
}
WAIVERS = tuple(
    WaiverUse(
        Waiver("torch-bn-epsilon", "outputs_close", why, why, "2999-12-31"), "used"
    )
    for why in ("known", "agreed")
)
NAMES = (*SUITES, "hostile")


def make_records(folder):
    """Run the suites, side by side, into ``<name>.json``."""
    with tempfile.TemporaryDirectory() as place:
        thousand_classes.main(Path(place, "birds"))
        at = {"passing": ROOT, "failing": ROOT, "huge": place}
        runs = {name: start(name, at[name], folder.resolve()) for name in SUITES}
        for name, run in runs.items():
            told, _ = run.communicate()
            assert run.returncode == SUITES[name][1], told[-2000:]
    report = read_report(folder / "failing.json")
    report = replace(report, notices=("?",), waivers=WAIVERS)
    hostile = hostile_names.Attacker().record(report)
    write_report(hostile, "json", folder / "hostile.json")


def start(name, place, folder):
    """A run of its own, as a user starts it."""
    command = [sys.executable, "-m", "harness", "run", SUITES[name][0]]
    return subprocess.Popen(
        [*command, "--isolation", "none", "--json", folder / f"{name}.json"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def make_pages(folder, out):
    """The page of each record, ``<name>.html``."""
    for name in NAMES:
        write_report(read_report(folder / f"{name}.json"), "html", out / f"{name}.html")


if __name__ == "__main__":
    made = Path(sys.argv[1])
    made.mkdir(parents=True, exist_ok=True)
    make_records(made)
    make_pages(made, made)
