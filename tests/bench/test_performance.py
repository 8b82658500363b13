"""The pages of figures: written from what is kept, by a command that works."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.aims import aims
from benchmarks.book import PARTS, read
from benchmarks.kept import FIGURES
from benchmarks.overhead import Figures, Row, ratios
from benchmarks.pages import PICTURES, pages
from benchmarks.plan import plan
from benchmarks.plots import plots
from benchmarks.plots.charts import CHARTS
from benchmarks.plots.style import THEMES
from benchmarks.runs import Run
from benchmarks.scaling import Shared
from benchmarks.tables import held, reached, short, table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
AGAIN = "python -m benchmarks --render"
# Cheap ones; each of the others starts many processes.
QUICK = ("overhead", "large_outputs", "many_classes", "early_answers")


@pytest.fixture(scope="module")
def book():
    return read(FIGURES)


@pytest.fixture(scope="module")
def drawn(book):
    return plots(book)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A folder that the command filled, and what it printed."""
    folder = tmp_path_factory.mktemp("quick")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--into", folder]
    done = subprocess.run(
        [*command, "--only", ",".join(QUICK)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.parametrize("page", ["performance.md", "scaling.md", "gate.md"])
def test_a_page_tells_the_kept_figures(book, page):
    written = pages(book, DOCS)[page]
    assert (DOCS / page).read_text(encoding="utf-8") == written, AGAIN


def test_committed_plots_tell_the_kept_figures(drawn):
    folder = DOCS / PICTURES
    assert {path.name for path in folder.iterdir()} == set(drawn), AGAIN
    for name, svg in drawn.items():
        committed = (folder / name).read_text(encoding="utf-8")
        # Words and numbers: another version of the library may place them otherwise.
        assert words_of(committed) == words_of(svg.decode()), AGAIN


def words_of(svg):
    return re.findall(r"<text[^>]*>([^<]+)", svg)


def test_plots_are_the_same_bytes_every_time(drawn, tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--render", "--into", tmp_path]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    folder = tmp_path / "docs" / PICTURES
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == drawn
    assert not re.search(rb"<dc:date>|\d{4}-\d\d-\d\dT", b"".join(drawn.values()))


def test_plots_lie_on_any_background(drawn):
    for name in CHARTS:
        light, dark = (drawn[f"{name}-{theme}.svg"].decode() for theme in THEMES)
        assert words_of(light) == words_of(dark)
        assert THEMES["light"].text in light
        assert THEMES["dark"].text in dark
        assert "fill: #ffffff" not in light


def test_every_plot_is_on_the_page(drawn):
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert set(re.findall(rf"{PICTURES}/([\w-]+\.svg)", page)) == set(drawn)


def test_a_page_without_its_marks_is_refused(book, tmp_path):
    for name in ("scaling.md", "gate.md"):
        (tmp_path / name).write_text("# By hand\n")
    with pytest.raises(ValueError, match=r"scaling\.md has no <!-- plan: written by"):
        pages(book, tmp_path)


def test_the_plan_follows_from_what_was_measured(book):
    few, many = book.scaling.samples[-2:]
    few, many = replace(few, seconds=1.0), replace(many, seconds=10.0)
    shared = tuple(Shared(*told) for told in (("local", 1, 60.0), ("dask", 2, 40.0)))
    variants = (Run(2, 1.0, 100.0, 0.1, 1.0), Run(16, 1.0, 400.0, 0.1, 1.0))
    measured = replace(
        book.scaling,
        samples=(few, many),
        shared=shared,
        variants=variants,
        answer=5.0,
    )
    found = plan(replace(book, scaling=measured))
    assert (few.n, many.n) == (10**6, 10**7)
    assert found.each == pytest.approx(1.0)  # 9 s for 9,000,000 samples
    assert found.ours == pytest.approx(19 * 10**9 * 1e-6 / 3600)
    assert found.inference == pytest.approx(20 * 10**6 / 3600)
    assert found.efficiency == pytest.approx(0.75)
    assert found.cores == round(20.019e6 / 86_400 / 0.75)
    assert (found.windows, found.parts, found.blocks) == (244_141, 30_518, 1_908)
    assert found.through == pytest.approx(1_908 * 5 / 1000)
    assert (found.memory, found.page) == (400 + 4 * 300 / 14, 1.0)


def test_aims_tell_what_is_missed(book):
    slow = Row("slow", 10_000, 50, 1.0, 1.0, 1.0, 1.04)
    fast = replace(slow, case="fast", gated=1.03)
    single = replace(slow, case="one by one", batch=1, gated=1.19)
    few = replace(slow, case="few", samples=9_999, gated=9.0)
    judged = aims(replace(book, overhead=Figures((slow, fast, single, few))))
    found = {aim.what.split(": ")[-1].split(",")[0]: aim.met for aim in judged}
    assert found["slow"] is False
    assert found["fast"] is True
    assert found["one by one"] is True
    assert "few" not in found


def test_what_misses_its_aim_is_bold():
    rows = (Row("c", 10_000, 50, 1.0, 9.0, 1.02, 1.5), Row("c", 10, 1, 1.0, 9, 9, 9))
    missed, few = ratios(Figures(rows)).splitlines()[-2:]
    assert missed == "| c | 10,000 | 50 | 1.00 | 9.00 | 1.02 | **1.50** | ≤ 1.03 |"
    assert "**" not in few
    assert (held(1.2, 1.2), held(1.21, 1.2)) == ("1.20", "**1.21**")
    assert (reached(1.7, 1.7), reached(1.69, 1.7)) == ("1.70", "**1.69**")


def test_a_table_is_markdown():
    found = table(("<what", "n"), [("a", "1"), ("", "2")])
    assert found == "| what | n |\n|---|--:|\n| a | 1 |\n| | 2 |"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.356, "0.36"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1204, "1,204"),
    ],
)
def test_numbers_have_few_digits(value, shown):
    assert short(value) == shown


def test_the_command_measures_keeps_and_writes(quick):
    folder, done = quick
    found = read(folder / "figures")
    for part in PARTS:
        kept, new = (at / f"{part}.json" for at in (FIGURES, folder / "figures"))
        assert (kept.read_bytes() == new.read_bytes()) is (part not in QUICK)
    page = (folder / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page == pages(found, DOCS)["performance.md"]
    assert "convolutional classifier | 100 |" in page
    assert "many_classes: 100 classes" in done.stderr
    assert done.stdout.count("|--:|") >= len(QUICK)
    assert "MISSED" not in done.stdout


def test_figures_say_where_they_come_from(quick):
    folder, _ = quick
    kept = json.loads((folder / "figures" / "overhead.json").read_text())
    measured = kept["measured"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", measured["date"])
    assert measured["seconds"] > 0
    assert {"numpy", "onnxruntime"} <= measured["packages"].keys()
    assert measured["sizes"]["samples"] == kept["figures"]["rows"][1]["samples"]


def test_what_is_no_part_is_refused():
    command = [sys.executable, "-m", "benchmarks", "--only", "overhead,nothing"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no part is called nothing" in done.stderr
