"""Commands that read saved reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.base import FAILED, PASSED, SUITE_PATH, leave, outputs, publish

if TYPE_CHECKING:
    from harness.core.findings import DriftReport


class _Report(click.Group):
    """``harness report RESULT.json`` renders: what is no command is a file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command in front of a file's name."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["render", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Report)
def report() -> None:
    """Render a saved RESULT.json again, or compare two.

    ``harness report RESULT.json --html F`` is short for ``harness report render``.
    """


@report.command()
@click.argument("result", type=SUITE_PATH)
@outputs
@click.option(
    "--frames",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write tables (variants, checks, classes, ...) into this folder.",
)
@click.option(
    "--frames-format",
    type=click.Choice(("csv", "parquet")),
    default="csv",
    show_default=True,
)
def render(
    result: Path, frames: Path | None, frames_format: str, **files: Path | None
) -> None:
    """Render a saved RESULT.json again; needs neither models nor data.

    What diagnose wrote is shown in the terminal.
    """
    from harness.core.findings import DriftReport
    from harness.report.json_ import read_saved

    saved = read_saved(result)
    if isinstance(saved, DriftReport):
        _show(saved, frames, *files.values())
        return
    publish(saved, files, several=False)
    if frames is not None:
        from harness.report.frames import write_frames

        for file in write_frames(saved, frames, frames_format):
            click.echo(f"table: {file}")


def _show(saved: DriftReport, *files: Path | None) -> None:
    from harness.report.drift import render_drift

    if any(files):
        raise click.UsageError("a diagnosis is shown in the terminal alone")
    click.echo(render_drift(saved), nl=False)


@report.command()
@click.argument("before", type=SUITE_PATH)
@click.argument("after", type=SUITE_PATH)
def diff(before: Path, after: Path) -> None:
    """Tell what is new, fixed or worse from BEFORE.json to AFTER.json.

    Exits with 1 where anything is new or worse.
    """
    from harness.report.changes import changes, render_changes, troubled
    from harness.report.json_ import read_report

    then, now = read_report(before), read_report(after)
    click.echo(render_changes(then, now), nl=False)
    leave(FAILED if troubled(changes(then, now)) else PASSED)


@report.command()
@click.argument(
    "record",
    type=click.Choice(("report", "diagnosis", "history")),
    default="report",
)
def schema(record: str) -> None:
    """Print the JSON Schema of the report, or of another RECORD.

    report is what run and compare write with --json, diagnosis what diagnose does,
    history what history does.
    """
    import json

    from harness.report.schema import report_schema

    click.echo(json.dumps(report_schema(record), indent=2))
