"""Commands that run models over golden data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from harness.cli.base import (
    SUITE_PATH,
    leave,
    outputs,
    progress,
    publish,
    require_distinct,
    worst,
)
from harness.cli.cache import keeping
from harness.cli.history import DEFAULT_FILE, check_history, keep_run
from harness.cli.speed import speed
from harness.core.specs import Isolation, Kind, Missing, RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.golden.changes import Change


@click.command()
@click.argument("suites", nargs=-1, required=True, type=SUITE_PATH)
@outputs
@click.option("--variant", "variants", multiple=True, help="Run this variant alone.")
@click.option(
    "--missing",
    type=click.Choice(get_args(Missing)),
    default="skip",
    show_default=True,
    help="What a variant does whose runtime is not installed.",
)
@click.option("--no-diagnose", is_flag=True, help="Do not look for causes of drift.")
@click.option(
    "--diagnosis-seconds",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Look for causes so long in a variant; 120 unless the suite says otherwise,"
    " inf looks to the end.",
)
@click.option(
    "--isolation",
    type=click.Choice(get_args(Isolation)),
    help="Run each variant in a process of its own, or none; over what suites say.",
)
@click.option(
    "--baseline",
    type=SUITE_PATH,
    help="Report (JSON) of the accepted release, or a folder of such: no metric may"
    " fall behind it.",
)
@click.option(
    "--history",
    "kept",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=str(DEFAULT_FILE),
    metavar="[FILE]",
    help=f"Keep the run in a history file, {DEFAULT_FILE} unless FILE is named.",
)
@speed
@keeping
def run(  # noqa: PLR0913 - one parameter an option
    suites: tuple[Path, ...],
    *,
    variants: tuple[str, ...],
    missing: Missing,
    no_diagnose: bool,
    seconds: float | None,
    isolation: Isolation | None,
    baseline: Path | None,
    kept: Path | None,
    speed: dict[str, Any],
    keep: dict[str, Any],
    **files: Path | None,
) -> None:
    """Run the whole gate of each SUITE (a quality.toml, or a folder with one).

    With several suites, each report file gets its suite's name inserted.
    """
    from dataclasses import replace

    from harness.baselines import read_baseline
    from harness.pipeline import evaluate
    from harness.suite import load_suite

    options = RunOptions(
        missing,
        variants,
        diagnose=not no_diagnose,
        diagnosis_seconds=seconds,
        isolation=isolation,
        **speed,
        **keep,
    )
    loaded = [load_suite(path) for path in suites]
    if any(files.values()):
        require_distinct(loaded)
    if kept is not None:
        check_history(kept)
    reports = []
    for suite in loaded:
        if baseline is not None:
            options = replace(options, baseline=read_baseline(baseline, suite.name))
        with progress() as told:
            report = evaluate(suite, options, told)
        reports.append(report)
        publish(report, files, several=len(suites) > 1)
        if kept is not None:
            keep_run(report, kept)
    leave(worst(reports))


@click.command()
@click.argument("reference", type=SUITE_PATH)
@click.argument("candidate", type=SUITE_PATH)
@click.option("--data", required=True, help="Golden data: a path or a URL.")
@click.option("--labels", type=SUITE_PATH, help="Labels, where the data has none.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Picks the limits.")
@click.option("--scale", type=float, help="Multiply every input by this.")
@outputs
def compare(
    reference: Path,
    candidate: Path,
    data: str,
    labels: Path | None,
    kind: Kind | None,
    scale: float | None,
    **files: Path | None,
) -> None:
    """Hold CANDIDATE against REFERENCE: two model files, no suite needed."""
    from harness.core.specs import Preprocess
    from harness.pipeline import compare as compare_models

    with progress() as told:
        report = compare_models(
            reference,
            candidate,
            data,
            labels=labels,
            kind=kind,
            preprocess=Preprocess(scale=scale),
            progress=told,
        )
    publish(report, files, several=False)
    leave(worst([report]))


@click.command()
@click.argument("suite", type=SUITE_PATH)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Golden samples to measure on.",
)
@click.option("--write", is_flag=True, help="Write tolerances.lock.toml.")
def calibrate(suite: Path, samples: int, write: bool) -> None:
    """Measure the noise of reference and candidates, and derive tolerances from it.

    Prints what was measured. With --write it becomes the suite's
    tolerances.lock.toml, which the gate goes by until models or data change.
    """
    from harness.pipeline import calibrate as measured
    from harness.report.tolerances import render_lock
    from harness.suite import load_suite, write_tolerances

    loaded = load_suite(suite)
    with progress("candidates") as told:
        lock = measured(loaded, samples, progress=told)
    click.echo(render_lock(lock), nl=False)
    if write:
        click.echo(f"written: {write_tolerances(loaded, lock)}")


@click.command()
@click.argument("suite", type=SUITE_PATH)
@click.option("--variant", help="Record this variant; the reference by default.")
@click.option("--reason", help="Why a recording changes; kept in it.")
def record(suite: Path, variant: str | None, reason: str | None) -> None:
    """Record a variant's outputs, so that they can be replayed without its runtime.

    Where an older recording would change, what changes is shown, and the reason asked
    for.
    """
    from harness.pipeline import record as record_outputs

    with progress() as told:
        folder = record_outputs(suite, variant, told, reason=_asker(reason))
    click.echo(f"recorded: {folder}")


def _asker(reason: str | None) -> Callable[[Change], str]:
    """Shows what changes; asks for the reason on a terminal where none is given."""
    from harness.report.text import wrap

    def told(change: Change) -> str:
        lines = wrap(f"{change.variant}: {change.summary()}", 80, "", "  ")
        click.echo("\n".join(["", *lines]), err=True)
        if reason is not None or not sys.stdin.isatty():
            return reason or ""
        answer: str = click.prompt("Why", err=True)
        return answer

    return told
