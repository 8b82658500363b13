"""How far a run is: one line, on a terminal, where it takes long."""

import pytest

from harness.core.progress import Staged, enter
from harness.report.meter import Meter
from harness.report.text import columns


class Terminal:
    """A clock, and the line that a person sees."""

    def __init__(self):
        self.now, self.written, self.line = 100.0, [], ""

    def write(self, text):
        self.written.append(text)
        for part in text.split("\r")[1:]:
            self.line = part + self.line[len(part) :]

    @property
    def seen(self):
        return self.line.rstrip()


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def meter(terminal):
    return Meter(terminal.write, "golden samples", 0.5, lambda: terminal.now)


def go_on(terminal, meter, *steps):
    for seconds, done, total in steps:
        terminal.now += seconds
        meter(done, total)


def test_what_ends_soon_shows_nothing(terminal, meter):
    go_on(terminal, meter, (0.1, 50, 100), (0.1, 100, 100))
    meter.stage("looking for causes in int8")
    meter.close()
    assert terminal.written == []


def test_without_patience_the_first_stage_is_shown_at_once(terminal):
    at_once = Meter(terminal.write, "golden samples", clock=lambda: terminal.now)
    at_once.stage("opening models")
    assert terminal.seen == "opening models"


def test_the_time_that_is_left_is_that_of_the_samples_alone(terminal, meter):
    terminal.now += 60  # opening the models
    go_on(terminal, meter, (0, 10, 1000), (10, 110, 1000))
    assert terminal.seen == (
        "golden samples  [##----------------------]  11 %  110 of 1,000, 1:29 left"
    )
    go_on(terminal, meter, (100, 1000, 1000))
    assert terminal.seen.endswith("100 %  1,000 of 1,000")


def test_hours_are_hours(terminal, meter):
    go_on(terminal, meter, (1, 1, 10_001), (1, 2, 10_001))
    assert terminal.seen.endswith(", 2:46:39 left")


def test_a_stage_takes_the_place_of_the_counts(terminal, meter):
    go_on(terminal, meter, (1, 1, 4), (1, 4, 4))
    enter(meter, "looking for causes in int8")
    assert terminal.seen == "looking for causes in int8"


def test_it_leaves_nothing_behind(terminal, meter):
    go_on(terminal, meter, (1, 1, 4), (1, 4, 4))
    meter.close()
    assert terminal.seen == ""
    assert terminal.written[-1].endswith("\r")


def test_the_eye_is_not_rushed(terminal, meter):
    go_on(terminal, meter, *((0.01, k, 1000) for k in range(300)))
    assert len(terminal.written) <= 3 / 0.2


def test_a_long_name_does_not_wrap(terminal):
    wide = Meter(terminal.write, "\u6570\u5b57 " * 40, clock=lambda: terminal.now)
    go_on(terminal, wide, (1, 1, 4), (1, 2, 4))
    assert columns(terminal.seen) <= 79
    wide.stage("looking for causes in " + "n" * 200 + "\r\nx")
    assert columns(terminal.seen) <= 79
    assert not any("\n" in text for text in terminal.written)


def test_a_plain_callable_is_told_of_counts_alone():
    def plain(done, total):
        raise AssertionError

    assert not isinstance(plain, Staged)
    enter(plain, "looking for causes")
    enter(None, "looking for causes")
