"""The failure table: each failure of a variant, at each moment, is one clear status."""

from __future__ import annotations

import time

import pytest

import harness
from harness.core.errors import WorkerCrashed

LIMIT = 2.0
MEMORY = 400
PATIENCE = 5.0
ABORTED = (
    "first words / terminate called after throwing an instance of 'std::logic_error'"
    "\nHint: "
)


def outcome(release) -> tuple[dict[str, tuple[str, str]], float]:
    """Status and reason of each variant, and the seconds that the run took."""
    started = time.monotonic()
    report = harness.evaluate(release.suite)
    seconds = time.monotonic() - started
    # The others finish, whatever one does.
    assert report.variant("candidate").verdict == "passed"
    return {v.name: (v.status, v.reason or "") for v in report.variants}, seconds


@pytest.mark.usefixtures("misbehaving")
class TestTheFailureTable:
    @pytest.mark.parametrize(
        ("deed", "says"),
        [
            ("segfault", "its process was ended by SIGSEGV, segmentation fault {}"),
            ("kill", "its process was ended by SIGKILL, killed {}"),
            (
                "abort",
                "its process was ended by SIGABRT, aborted {}; it last wrote: "
                + ABORTED,
            ),
            (
                "exit_quietly",
                "its process ended with exit code 3 {}; it last wrote: goodbye\nHint:",
            ),
            (
                "raise_a_bug",
                "its process ended with exit code 1 {}; it last wrote: ",
            ),
            ("close_everything", "its process lives, but listens no more {}"),
        ],
    )
    def test_a_crash_is_told_where_it_was(self, release, misdeeds, moments, deed, says):
        misdeeds(deed)
        found, seconds = outcome(release)
        for moment, where in moments.items():
            status, reason = found[f"{deed}-{moment}"]
            assert status == "crashed"
            assert reason.startswith(says.format(where))
            assert "\nHint: " in reason
        assert seconds < PATIENCE

    def test_a_bug_of_a_backend_ends_in_its_last_line(self, release, misdeeds):
        misdeeds("raise_a_bug", [7])
        found, _ = outcome(release)
        _, reason = found["raise_a_bug-7"]
        assert "ZeroDivisionError: a bug in the backend\nHint: " in reason

    @pytest.mark.parametrize("deed", ["hang", "hang_in_native_code"])
    def test_a_hang_is_a_timeout(self, release, misdeeds, moments, deed):
        misdeeds(deed, timeout=LIMIT, load_timeout=LIMIT)
        found, seconds = outcome(release)
        for moment, where in moments.items():
            what, key, told = "a batch", "timeout", f" {where}"
            if moment == 0:
                what, key, told = "loading", "load_timeout", ""
            hint = f"Hint: where the model is that slow, raise {key} in the variant"
            assert found[f"{deed}-{moment}"] == (
                "timeout",
                f"{what} took longer than the {LIMIT:g} s allowed{told}\n{hint}",
            )
        # One limit for loading, one for a batch.
        assert seconds < 2 * LIMIT + PATIENCE

    def test_memory_over_its_limit_is_out_of_memory(self, release, misdeeds, moments):
        misdeeds("eat_memory", memory=MEMORY)
        found, seconds = outcome(release)
        for moment, where in moments.items():
            status, reason = found[f"eat_memory-{moment}"]
            assert status == "crashed"
            assert reason.startswith("out of memory: its process held ")
            assert f" MB of the {MEMORY} MB allowed {where}\nHint: " in reason
            held = int(reason.split(" held ")[1].split()[0])
            assert MEMORY <= held < 3 * MEMORY
        assert seconds < PATIENCE

    def test_a_runtime_that_gets_no_memory_is_out_of_memory(self, release, misdeeds):
        misdeeds("run_out_of_memory", [0, 7])
        found, _ = outcome(release)
        for moment, where in (
            (0, "while it loaded the model"),
            (7, "from sample 30 on"),
        ):
            status, reason = found[f"run_out_of_memory-{moment}"]
            assert status == "crashed"
            assert reason.startswith(f"out of memory {where}: std::bad_alloc\nHint: ")

    def test_chatter_changes_nothing_and_is_passed_on(
        self, release, misdeeds, moments, capfd
    ):
        misdeeds("chatter")
        found, _ = outcome(release)
        for moment in moments:
            assert found[f"chatter-{moment}"] == ("ran", "")
        out, err = capfd.readouterr()
        assert out == ""
        for moment in moments:
            lines = [
                ln for ln in err.splitlines() if ln.startswith(f"chatter-{moment}:")
            ]
            assert len(lines) == 2000 * 5 + 1
            assert lines[-1].endswith(": more of it, without an end of line")

    def test_every_report_is_written(self, release, misdeeds):
        misdeeds("abort", [0, 7])
        result = release.run()
        assert result.exit_code == 3
        assert release.written() == [
            "report.html",
            "report.json",
            "report.md",
            "report.xml",
        ]
        for file in release.out.iterdir():
            assert "SIGABRT" in file.read_text()

    def test_the_reference_ends_the_run(self, release):
        misdeed = """
backend = "misbehaving"
isolation = "process"
batch_size = 5
options = { deed = "segfault", moment = 7 }"""
        path = 'path = "reference.onnx"'
        release.edit(path, path + misdeed)
        says = r"'reference'.*SIGSEGV, segmentation fault on samples 30 to 34"
        with pytest.raises(WorkerCrashed, match=says):
            harness.evaluate(release.suite)
