"""The command line: exit codes, files, width, and what ``--help`` costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import harness.pipeline
from harness.cli import main
from harness.report.files import RENDERERS
from harness.report.text import columns

WIDE = "\u6570\u5b57" * 15
HEAVY = ["numpy", "onnx", "onnxruntime", "pandas", "sklearn", "scipy", "jinja2"]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["compare", "-h"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import sys\n"
        "from harness.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""


@pytest.mark.parametrize("command", [None, *sorted(main.commands)])
def test_help_fits_the_terminal_and_tells_every_option(small, command):
    result = small.invoke(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    parameters = main.commands[command].params if command else []
    for parameter in parameters:
        if parameter.param_type_name == "option" and "--help" not in parameter.opts:
            assert parameter.help, f"{command} {parameter.name} has no help"


def test_exit_codes_are_told_by_help(small):
    text = " ".join(small.invoke("--help").output.split())
    assert "0 passed, 1 a model failed, 2 usage or suite error, 3 a variant" in text


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "x", "--jsno", "r"], ["jump"], ["compare", "a.onnx", "b.onnx"]],
)
def test_wrong_usage_is_exit_code_2(small, arguments):
    result = small.invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_passed_is_exit_code_0(release):
    assert release.run().exit_code == 0


def test_a_failed_model_is_exit_code_1_and_outweighs_one_that_did_not_run(
    release, small
):
    release.model("candidate.onnx", small.classifier(-small.weights()))
    assert release.run().exit_code == 1
    text = release.suite.read_text(encoding="utf-8")
    broken = '[[variant]]\nname = "gone"\nkind = "frozen"\npath = "gone.onnx"\n'
    release.write(text + broken)
    assert release.run().exit_code == 1
    assert {v["name"]: v["status"] for v in release.record()["variants"]} == {
        "reference": "ran",
        "candidate": "ran",
        "gone": "error",
    }


def test_an_interrupted_run_has_no_verdict(release, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(harness.pipeline, "evaluate", interrupted)
    result = release.run()
    assert result.exit_code == 130
    assert "no verdict" in result.stderr
    assert release.written() == []


class TestSeveralSuites:
    def test_each_writes_its_own_report_and_the_worst_counts(self, releases, small):
        good, bad = releases
        bad.edit('name = "small"', 'name = "other/one"')
        bad.model("candidate.onnx", small.classifier(-small.weights()))
        result = small.invoke("run", good.suite, bad.suite, *good.reports())
        assert result.exit_code == 1
        stems = ("report-other-one", "report-small")
        suffixes = ("html", "json", "md", "xml")
        assert good.written() == [f"{s}.{x}" for s in stems for x in suffixes]
        verdicts = [
            json.loads((good.out / f"{stem}.json").read_text())["verdict"]
            for stem in stems
        ]
        assert verdicts == ["failed", "passed"]

    def test_suites_of_one_name_do_not_overwrite_each_other(self, releases, small):
        one, two = releases
        result = small.invoke("run", one.suite, two.suite, *one.reports())
        assert result.exit_code == 2
        assert "small" in result.stderr
        assert "Hint: " in result.stderr

    def test_a_broken_one_ends_the_run_before_anything_is_run(self, releases, small):
        good, bad = releases
        bad.write("")
        result = small.invoke("run", good.suite, bad.suite, *good.reports())
        assert result.exit_code == 2
        assert str(bad.suite) in result.stderr
        assert good.written() == []


def test_the_module_runs_like_the_command(release):
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", str(release.suite)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bar in a pipe
    assert "\x1b" not in done.stdout  # nor colour


class TestWidth:
    def test_a_run_that_failed(self, release, small):
        release.edit('name = "small"', f'name = "{"long " * 15}name"')
        release.model("candidate.onnx", small.classifier(-small.weights()))
        self.narrow(release.run())

    def test_a_run_with_a_variant_that_could_not_be_run(self, release):
        (release.folder / "candidate.onnx").write_bytes(b"")
        self.narrow(release.run())

    def test_a_variant_with_a_long_name(self, release):
        release.edit('name = "candidate"', f'name = "{"candidate-" * 8}"')
        self.narrow(release.run())

    def test_what_was_calibrated(self, release, small):
        release.edit('name = "candidate"', f'name = "{WIDE}"')
        self.narrow(small.invoke("calibrate", release.suite))

    def test_what_drifts(self, release, small):
        deep = release.folder / ("long-" * 20) / WIDE
        deep.mkdir(parents=True)
        model = release.model("candidate.onnx", small.classifier(-small.weights()))
        moved = model.rename(deep / "candidate.onnx")
        pair = (release.folder / "reference.onnx", moved)
        data = release.folder / "golden.npz"
        self.narrow(small.invoke("diagnose", *pair, "--data", data, "--matrix"))
        self.narrow(small.invoke("compare", *pair, "--data", data))

    def test_what_would_be_recorded(self, release, small):
        release.edit("[golden]", '[golden]\nrecorded = "recorded"')
        small.invoke("record", release.suite)
        release.model("reference.onnx", small.classifier(-small.weights()))
        result = small.invoke("record", release.suite, "--reason", "a new release")
        assert result.exit_code == 0
        assert max(map(columns, result.stderr.splitlines())) <= 80

    def test_what_two_runs_differ_in(self, release, small):
        release.run()
        before = (release.out / "report.json").rename(release.folder / "before.json")
        release.model("candidate.onnx", small.classifier(-small.weights()))
        release.run()
        self.narrow(small.invoke("report", "diff", before, release.out / "report.json"))

    def test_doctor(self, small):
        self.narrow(small.invoke("doctor"))

    def test_inspect(self, release, small):
        self.narrow(small.invoke("inspect", release.folder / "candidate.onnx"))

    def narrow(self, result):
        lines = result.stdout.splitlines()
        assert lines
        # Paths of report files go out unbroken: they are there to be copied.
        shown = [line for line in lines if not line.startswith(FILE_LINES)]
        assert max(map(columns, shown)) <= 80


FILE_LINES = ("json: ", "html: ", "junit: ", "markdown: ")


class TestReportCommand:
    def test_a_saved_result_renders_to_the_same_files(self, release, small):
        release.model("candidate.onnx", small.classifier(-small.weights()))
        first = release.run()
        kept = {p.name: p.read_bytes() for p in release.out.iterdir()}
        saved = release.out.rename(release.folder / "kept") / "report.json"
        for model in release.folder.glob("*.onnx"):
            model.unlink()  # neither models nor data are needed
        (release.folder / "golden.npz").unlink()
        again = small.invoke("report", saved, *release.reports())
        assert again.exit_code == 0
        assert {p.name: p.read_bytes() for p in release.out.iterdir()} == kept
        assert again.stdout == first.stdout

    def test_every_format_comes_from_the_saved_result_as_from_the_run(
        self, release, small
    ):
        release.model("candidate.onnx", small.classifier(-small.weights()))
        release.add('[variant.matrix]\nlevels = ["disable"]')
        live, later = release.folder / "live", release.folder / "later"
        files = [words for name in RENDERERS for words in (f"--{name}", name)]

        def asked(folder):
            return [w if w.startswith("--") else str(folder / w) for w in files]

        assert small.invoke("run", release.suite, *asked(live)).exit_code == 1
        saved = live / "json"
        assert small.invoke("report", saved, *asked(later)).exit_code == 0
        assert sorted(p.name for p in live.iterdir()) == sorted(RENDERERS)
        for name in RENDERERS:
            assert (later / name).read_bytes() == (live / name).read_bytes(), name

    def test_code_hosts_are_told_where_the_suite_lies(self, releases, small):
        one, _ = releases
        (one.folder.parent / ".git").mkdir()
        one.model("candidate.onnx", small.classifier(-small.weights()))
        annotations = one.folder / "annotations"
        small.invoke("run", one.suite, "--annotations", annotations)
        lines = annotations.read_text().splitlines()
        assert lines
        assert all(" file=one/quality.toml,line=14," in line for line in lines)

    def test_frames_come_from_the_saved_result(self, release, small):
        release.run()
        saved, tables = release.out / "report.json", release.folder / "tables"
        for kind in ("csv", "parquet"):
            result = small.invoke(
                *("report", saved, "--frames", tables, "--frames-format", kind)
            )
            assert result.exit_code == 0
            assert f"table: {tables / 'checks'}.{kind}" in result.stdout

    @pytest.mark.parametrize(
        "content",
        [
            None,
            "",
            "{",
            "[]",
            "{}",
            '{"schema_version": 99}',
            "null",
            "\x00",
            "[" * 9999,
        ],
    )
    def test_what_is_no_saved_result_is_told(self, release, small, content):
        path = release.folder / "result.json"
        if content is not None:
            path.write_text(content)
        result = small.invoke("report", path, *release.reports())
        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert "Hint: " in result.stderr
        assert release.written() == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda v: v["weights"][0]["histogram"]["counts"].pop(),
            lambda v: v["weights"][0]["histogram"]["edges"].clear(),
            lambda v: v["outputs"][0]["error_histogram"]["counts"].insert(0, -5),
            lambda v: v["outputs"][0]["error_histogram"]["counts"].append(5),
            lambda v: v["labels"]["confusion"]["candidate"][0].pop(),
            lambda v: v["labels"]["confusion"]["candidate"][0].__setitem__(0, -1),
        ],
    )
    def test_a_result_whose_numbers_do_not_fit_is_told(self, release, small, damage):
        release.run()
        record = release.record()
        damage(record["variants"][1])
        path = release.folder / "edited.json"
        path.write_text(json.dumps(record))
        result = small.invoke("report", path, "--html", release.folder / "r.html")
        assert result.exit_code == 2
        assert f"{path}: " in result.stderr
        assert "'candidate'" in result.stderr
        assert not (release.folder / "r.html").exists()

    def test_a_result_that_was_cut_short_is_told(self, release, small):
        release.run()
        path = release.folder / "cut.json"
        text = (release.out / "report.json").read_text(encoding="utf-8")
        path.write_text(text[: len(text) // 2])
        result = small.invoke("report", path)
        assert result.exit_code == 2
        assert "cut short" in result.stderr


class TestInspectCommand:
    def test_tells_what_a_file_holds_and_writes_it(self, release, small):
        file = release.folder / "facts.json"
        result = small.invoke(
            "inspect", release.folder / "candidate.onnx", "--json", file
        )
        assert result.exit_code == 0
        for word in ("Softmax", "scores", "float32", str(small.opset)):
            assert word in result.stdout
        assert "Softmax" in json.dumps(json.loads(file.read_text()))

    def test_a_missing_file_is_told(self, release, small):
        result = small.invoke("inspect", release.folder / "gone.onnx")
        assert result.exit_code in {2, 3}
        assert "gone.onnx" in result.stderr
        assert "Hint: " in result.stderr


def test_doctor_tells_backends_versions_and_canaries(small):
    result = small.invoke("doctor")
    assert result.exit_code == 0
    for word in ("onnxruntime", "replay", "numpy", "Pad folded into MaxPool"):
        assert word in result.stdout


class TestUnwritableOutput:
    def test_a_folder_in_the_way(self, release, small):
        (release.folder / "report.json").mkdir()
        result = small.invoke(
            "run", release.suite, "--json", release.folder / "report.json"
        )
        assert result.exit_code == 2
        assert "report.json" in result.stderr

    def test_a_file_where_a_folder_should_be(self, release, small):
        target = release.folder / "golden.npz" / "report.json"
        result = small.invoke("run", release.suite, "--json", target)
        assert result.exit_code == 2
        assert f"cannot write {target}" in result.stderr
        assert "Hint: " in result.stderr

    def test_an_old_report_stays_where_the_run_fails(self, release):
        release.run()
        old = (release.out / "report.json").read_bytes()
        (release.folder / "golden.npz").unlink()
        assert release.run().exit_code == 2
        assert (release.out / "report.json").read_bytes() == old
