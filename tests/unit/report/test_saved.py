"""Every renderer gives from saved JSON what it gave when the run had just ended."""

import pytest

from harness.report.changes import render_changes
from harness.report.files import RENDERERS, write_report
from harness.report.frames import report_frames
from harness.report.json_ import read_report
from harness.report.terminal import render_terminal


def _frames(report):
    # Frames compare by what they hold, numbers to the last bit.
    frames = report_frames(report).items()
    return {name: frame.to_csv(float_format="%.17g") for name, frame in frames}


RENDER = {
    **{name: RENDERERS.get(name) for name in RENDERERS},
    "terminal": lambda report: render_terminal(report, colour=False),
    "colours": lambda report: render_terminal(report, colour=True),
    "frames": _frames,
    "diff": lambda report: render_changes(report, report),
}


@pytest.fixture
def saved(report, tmp_path):
    write_report(report, "json", tmp_path / "r.json")
    return read_report(tmp_path / "r.json")


@pytest.mark.parametrize("name", RENDER)
def test_saved_json_is_all_that_a_renderer_needs(report, saved, name):
    assert RENDER[name](saved) == RENDER[name](report)
