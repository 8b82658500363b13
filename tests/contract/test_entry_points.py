"""Backends of other people's packages, by the entry points that they declare."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.backends.entry_points import third_party

EXAMPLE = Path(__file__).with_name("example_backend")
SUITE = """
[suite]
name = "linear"
task = "tensor"
reference = "original"

[golden]
data = "golden.npz"

[[variant]]
name = "original"
kind = "original"
path = "model.linear"
backend = "linear"

[[variant]]
name = "copy"
kind = "converted"
path = "copy.linear"
backend = "linear"
"""


def test_an_installed_package_runs_a_suite(site, run, tmp_path):
    site.install(EXAMPLE)
    (tmp_path / "quality.toml").write_text(SUITE)
    (tmp_path / "model.linear").write_text("1 2\n3 4")
    (tmp_path / "copy.linear").write_text("1 2\n3 4.5")
    np.savez(tmp_path / "golden.npz", x=np.eye(2, dtype=np.float32))
    done = run("harness", "run", "quality.toml", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "copy" in done.stdout
    assert "5.0e-01" in done.stdout


def test_an_installed_package_holds_the_contract(site, run, tmp_path):
    site.install(EXAMPLE)
    shutil.copy(EXAMPLE / "check_linear.py", tmp_path)
    done = run(
        "pytest", "-q", "-p", "no:cacheprovider", "check_linear.py", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_nothing_is_imported_before_it_is_asked_for(site, run, tmp_path):
    site.install(EXAMPLE)
    (tmp_path / "look.py").write_text(
        "import sys\n"
        "from harness.backends.table import BACKENDS\n"
        "assert 'linear' in BACKENDS\n"
        "assert 'example_backend' not in sys.modules\n"
    )
    done = run("look", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_package_that_cannot_be_imported_is_named(site, run, tmp_path):
    site.declare("half-there", {"harness.backends": {"half": "half_there:open"}})
    (tmp_path / "quality.toml").write_text(SUITE.replace("linear", "half"))
    np.savez(tmp_path / "golden.npz", x=np.eye(2, dtype=np.float32))
    done = run("harness", "run", "quality.toml", cwd=tmp_path)
    assert done.returncode == 3
    assert "'half' cannot be imported" in done.stdout + done.stderr
    assert "pip install 'half-there'" in done.stdout + done.stderr


class TestNames:
    @pytest.fixture
    def offer(self, site, monkeypatch):
        monkeypatch.syspath_prepend(site.folder)
        return lambda name, **entries: site.declare(name, {"harness.backends": entries})

    def test_ours_are_never_replaced(self, offer):
        offer("evil", torch="evil:open")
        entries, notices = third_party({"torch"})
        assert not entries
        left_out = "evil offers a backend 'torch', which is left out: "
        assert notices == (left_out + "the harness has one of this name",)

    def test_of_two_packages_the_first_by_name_keeps_it(self, offer):
        offer("bbb", mine="bbb:open")
        offer("aaa", mine="aaa:open")
        entries, notices = third_party(())
        assert entries["mine"].target == "aaa:open"
        assert "bbb offers a backend 'mine'" in notices[0]
        assert "aaa has one" in notices[0]

    def test_an_entry_without_a_function(self, offer):
        offer("lost", mine="lost.module")
        entries, notices = third_party(())
        assert not entries
        assert "'lost.module' is not package.module:function" in notices[0]

    def test_doctor_tells(self, offer, run, tmp_path):
        offer("evil", torch="evil:open")
        done = run("harness", "doctor", cwd=tmp_path)
        assert "evil offers a backend 'torch', which is left out" in done.stdout
