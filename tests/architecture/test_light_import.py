"""Every pytest run of an environment loads the plugin: it must cost next to nothing."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    *("PIL", "fsspec", "pyarrow"),
    *("click", "filelock", "google", "jinja2", "numpy", "onnx", "onnxruntime"),
    *("pandas", "scipy", "sklearn", "tensorflow", "torch"),
}
PLUGIN = {
    "harness",
    "harness.core",
    "harness.fixtures",
    "harness.hookspecs",
    "harness.plugin",
    "harness.pytest_glue",
    "harness.pytest_glue.options",
    "harness.pytest_glue.sharing",
}


def loaded_after(statement):
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def ours(modules):
    return {name for name in modules if name.partition(".")[0] == "harness"}


def test_the_plugin_loads_nothing_heavy_and_little_of_ours():
    modules = loaded_after("import harness.plugin")
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert ours(modules) <= PLUGIN


@pytest.mark.parametrize("statement", ["import harness", "import harness.cli"])
def test_the_face_and_the_command_line_load_nothing_heavy(statement):
    modules = loaded_after(statement)
    assert not {name.partition(".")[0] for name in modules} & (HEAVY - {"click"})


def test_a_run_without_a_suite_loads_no_more(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "pyproject.toml").write_text("")
    arguments = ["-q", "-p", "no:hypothesispytest", str(tmp_path)]
    modules = loaded_after(f"import pytest\npytest.main({arguments!r})")
    assert "harness.plugin" in modules
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert ours(modules) <= PLUGIN


def test_the_door_to_kept_reports_loads_nothing_that_runs_models():
    modules = loaded_after(
        "import harness.pipeline.answered, harness.pipeline.report_key"
    )
    runtimes = HEAVY - {"google", "numpy", "onnx"}
    assert not {name.partition(".")[0] for name in modules} & runtimes
    assert "harness.comparison" not in modules
    assert "harness.diagnose" not in modules
