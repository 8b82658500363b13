"""docs/ci.md is ready to copy: schemas, shell, and every command that it runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from harness.cli import main

ROOT = Path(__file__).parents[2]
PAGES = ("ci.md", "history.md", "command-line.md", "../README.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCHEMAS = {
    ".github/workflows/model-quality.yml": "vendor.github-workflows",
    ".github/workflows/model-quality-nightly.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}
YAMLS = [*SCHEMAS, ".pre-commit-config.yaml"]


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


@pytest.fixture(scope="module")
def files():
    """Path that a block of the page names -> its text."""
    named = {
        body.split("\n", 1)[0].removeprefix("# "): body
        for body in blocks("ci.md", "yaml")
    }
    assert set(named) == set(YAMLS)
    return named


def parsed(text):
    return YAML(typ="safe", pure=True).load(text)


def steps(files):
    """Every script of the page, by where it stands."""
    for name in SCHEMAS:
        for job, told in parsed(files[name]).get("jobs", {}).items():
            for step in told["steps"]:
                if "run" in step:
                    yield f"{name} {job}", step["run"]
    gitlab = parsed(files[".gitlab-ci.yml"])["model-quality"]
    for part in ("before_script", "script", "after_script"):
        for line in gitlab[part]:
            yield f".gitlab-ci.yml {part}", line
    for text in blocks("ci.md", "bash"):
        yield "bash", text


def commands():
    """Every ``harness ...`` that the pages show, its words."""
    found = []
    for page in PAGES:
        for language in ("yaml", "bash", "console"):
            for body in blocks(page, language):
                joined = re.sub(r"\\\n\s*", " ", body)
                joined = re.sub(r">-\n\s*", "", joined)
                joined = re.sub(r"\n\s+(?=--)", " ", joined)
                found += re.findall(r"\bharness [a-z].*", joined)
    told = [re.split(r" (?:>|\|\|)|\s+#", command)[0] for command in found]
    return sorted({command for command in told if "quality.toml`" not in command})


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_workflow_fits_its_schema(files, name, tmp_path):
    file = tmp_path / "workflow.yml"
    file.write_text(files[name], encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", str(file)]
    schema = ["--builtin-schema", SCHEMAS[name]]
    if "gitlab" in name:
        schema += ["--data-transform", "gitlab-ci"]
    done = subprocess.run(
        [*command, *schema], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_would_refuse_a_misspelt_key(files, tmp_path):
    file = tmp_path / "workflow.yml"
    text = files[".github/workflows/model-quality.yml"].replace("runs-on:", "run-on:")
    file.write_text(text, encoding="utf-8")
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(file)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_all_shell_is_shell(files):
    scripts = list(steps(files))
    assert len(scripts) >= 8
    for where, script in scripts:
        # GitHub puts its own values in before a shell sees the text.
        plain = re.sub(r"\$\{\{.*?\}\}", "value", script)
        done = subprocess.run(
            ["bash", "-n"], input=plain, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), where


def leaves(group):
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from leaves(command)
        else:
            yield command


@pytest.fixture
def parse(monkeypatch):
    """The real command line, whose commands do nothing; returns its exit code."""
    for command in leaves(main):
        monkeypatch.setattr(command, "callback", lambda **_: None)
    return lambda words: CliRunner().invoke(main, words).exit_code


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_pages_exists(command, parse):
    assert parse(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize(
    "wrong", [["history", "x", "--lats", "3"], ["runs", "x"], ["run"]]
)
def test_a_command_that_does_not_exist_would_be_seen(wrong, parse):
    assert parse(wrong) == 2


def test_what_the_gate_runs_passes_on_a_real_suite(files, tmp_path, monkeypatch):
    """The pull request's own step, on the embedded suite, and the files it promises."""
    jobs = parsed(files[".github/workflows/model-quality-nightly.yml"])["jobs"]
    scripts = [step["run"] for step in jobs["night"]["steps"] if "run" in step]
    script = next(text for text in scripts if "harness run" in text)
    suite = ROOT / "golden" / "digits"
    words = shlex.split(script.partition("harness run")[2].replace("\\\n", " "))
    words[0] = str(suite)
    limited = [*words, "--variant", "onnx", "--no-diagnose", "--missing", "skip"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    done = CliRunner().invoke(main, ["run", *limited])
    assert done.exit_code == 0, done.output
    written = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert written == ["history.sqlite", "quality.html", "quality.json"]
    shown = CliRunner().invoke(main, ["history", str(suite)])
    assert (shown.exit_code, "1 run" in shown.output) == (0, True)


def test_the_hook_is_one_that_pre_commit_takes(files, parse):
    (hook,) = parsed((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["language"] == "python"
    assert parse([*hook["entry"].split()[1:], *hook["args"]]) == 0
    pattern = re.compile(hook["files"])
    wanted = ("quality.toml", "a/b.quality.toml", "m/model.onnx", "x.tflite", "m.pt")
    assert all(pattern.search(name) for name in wanted)
    assert not any(
        pattern.search(name) for name in ("a.py", "pyproject.toml", "README.md")
    )
    (repo,) = parsed(files[".pre-commit-config.yaml"])["repos"]
    assert [each["id"] for each in repo["hooks"]] == [hook["id"]]
