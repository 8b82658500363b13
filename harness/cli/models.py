"""Commands that look at model files and at the runtimes that are here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.base import FAILED, PASSED, SUITE_PATH, leave, progress

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command()
@click.argument("reference", type=SUITE_PATH)
@click.argument("candidate", type=SUITE_PATH)
@click.option("--data", required=True, type=SUITE_PATH, help="Golden data.")
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write findings and proofs as json.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=64,
    show_default=True,
    help="Golden samples to look at.",
)
@click.option(
    "--write-repaired",
    "repaired_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the candidate with all proven edits (ONNX).",
)
@click.option(
    "--matrix", is_flag=True, help="Run it at other levels, threads, batch sizes."
)
@click.option(
    "--budget",
    type=click.IntRange(16),
    default=512,
    show_default=True,
    help="MB of memory for values that are looked at.",
)
@click.option("--scale", type=float, help="Multiply every input by this.")
def diagnose(  # noqa: PLR0913 - one parameter an option
    *,
    reference: Path,
    candidate: Path,
    data: Path,
    file: Path | None,
    samples: int,
    repaired_file: Path | None,
    matrix: bool,
    budget: int,
    scale: float | None,
) -> None:
    """Tell where CANDIDATE parts from REFERENCE, why, and prove it.

    Exit codes: 0 no drift, 1 drift found.
    """
    from harness.core.specs import Preprocess
    from harness.pipeline.drift import DiagnoseOptions, diagnose_pair
    from harness.report.drift import render_drift

    options = DiagnoseOptions(samples, matrix, budget << 20)
    with progress() as told:
        report, repaired = diagnose_pair(
            reference,
            candidate,
            data,
            options,
            preprocess=Preprocess(scale=scale),
            progress=told,
        )
    click.echo(render_drift(report), nl=False)
    if file is not None:
        write_json(report, file)
    if repaired_file is not None:
        _write_repaired(repaired, repaired_file)
    wrong = any(finding.severity == "error" for finding in report.findings)
    leave(FAILED if report.drifts or wrong else PASSED)


def _write_repaired(model: bytes | None, file: Path) -> None:
    from harness.core.files import replacing

    if model is None:
        click.echo("repaired: not written, no edit of the file was proven")
        return
    with replacing(file) as stream:
        stream.write(model)
    click.echo(f"repaired: {file}")


def write_json(record: object, file: Path) -> None:
    """Write a record as JSON, whole or not at all."""
    import json

    from harness.core.codec import to_json
    from harness.core.files import write_text

    write_text(file, json.dumps(to_json(record), indent=2) + "\n")


@click.command()
@click.argument("model", type=SUITE_PATH)
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the facts as json.",
)
def inspect(model: Path, file: Path | None) -> None:
    """Tell what a model file holds, without running any of it."""
    from harness.backends.detect import detect_form
    from harness.inspection import inspect_model, render_facts

    facts = inspect_model(model, detect_form(model).name)
    click.echo(render_facts(facts), nl=False)
    if file is not None:
        write_json(facts, file)


def _file(name: str, what: str) -> Callable[..., Callable[..., None]]:
    path = click.Path(path_type=Path, dir_okay=False)
    return click.option(f"--{name}", name, type=path, help=f"Write {what}.")


@click.command()
@click.argument("model", type=SUITE_PATH)
@click.argument("other", type=SUITE_PATH, required=False)
@_file("json", "everything as json")
@_file("csv", "a row a tensor as comma-separated values")
@click.option(
    "--form",
    "forms",
    multiple=True,
    help="Form of MODEL, given twice of OTHER too; detected otherwise.",
)
@click.option(
    "--formats",
    metavar="NAMES",
    help="Number formats to try, by commas, or none; without OTHER by default"
    " float16,int8,int8-channel.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Rows a table has at most; 0 shows all.",
)
def weights(
    model: Path,
    other: Path | None,
    forms: tuple[str, ...],
    formats: str | None,
    top: int,
    **files: Path | None,
) -> None:
    """Describe MODEL's weights, or hold OTHER's against them.

    Reads files alone: no runtime, no data. Exits with 1 where weights are NaN or
    infinite, moved further than the rounding of their types, or were changed in a
    way that has a name.
    """
    from harness.pipeline.weight_files import weights_of, write_table
    from harness.report.json_ import write_record
    from harness.report.weights_text import render_weights

    names = _formats(formats, alone=other is None)
    report = weights_of(model, other, forms=forms, formats=names)
    click.echo(render_weights(report, top=top), nl=False)
    writers = {"json": write_record, "csv": write_table}
    for name, path in files.items():
        if path is not None:
            writers[name](report, path)
            click.echo(f"{name}: {path}")
    leave(FAILED if report.wrong else PASSED)


def _formats(text: str | None, *, alone: bool) -> tuple[str, ...]:
    from harness.pipeline.weighing import RISK_FORMATS
    from harness.weights.numeric_formats import FORMATS

    if text is None:
        return RISK_FORMATS if alone else ()
    names = [name.strip() for name in text.split(",")]
    wanted = [name for name in names if name not in ("", "none")]
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise click.BadParameter(
            f"{unknown[0]!r} is no number format; there are {', '.join(FORMATS)}",
            param_hint="--formats",
        )
    return tuple(dict.fromkeys(wanted))


@click.command()
def doctor() -> None:
    """Tell which backends run here, CPU features, and known runtime faults."""
    from harness.doctor import examine, render_health

    health = examine()
    click.echo(render_health(health), nl=False)
    leave(PASSED if health.sound else FAILED)
