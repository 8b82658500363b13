"""``harness history``: how a suite went from run to run; see `harness.history`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.core.results import QualityReport
    from harness.core.trends import Trend

DEFAULT_FILE = Path("reports/history.sqlite")
_FILE = click.Path(path_type=Path, dir_okay=False)
_NIGHTS = 7
_RUNS = 60
_MOST_RUNS = 1000


class _History(click.Group):
    """``harness history SUITE`` shows: what is no command is a suite."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command in front of a suite's name."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


_db = click.option(
    "--db",
    "file",
    type=_FILE,
    default=DEFAULT_FILE,
    show_default=True,
    help="The history file.",
)


@click.group(cls=_History)
def history() -> None:
    """Tell how each number of a SUITE went from run to run, and why.

    ``harness history SUITE`` is short for ``harness history show``. Runs are kept by
    ``harness run --history`` and by pytest.
    """


@history.command()
@click.argument("suite")
@_db
@click.option(
    "--last",
    type=click.IntRange(1, _MOST_RUNS),
    default=_RUNS,
    show_default=True,
    help="Look at so many runs, the newest ones.",
)
@click.option("--variant", "variants", multiple=True, help="Show this variant alone.")
@click.option(
    "--nights",
    type=click.IntRange(1),
    default=_NIGHTS,
    show_default=True,
    help="Hold the newest run against one so many days older.",
)
@click.option("--html", type=_FILE, help="Write a page with charts.")
@click.option("--json", "json_", type=_FILE, help="Write the trend as json.")
def show(  # noqa: PLR0913 (one argument an option)
    suite: str,
    *,
    file: Path,
    last: int,
    variants: tuple[str, ...],
    nights: int,
    html: Path | None,
    json_: Path | None,
) -> None:
    """Show the trend of SUITE: a suite file, its folder, or a name in the history."""
    from harness.history.database import History
    from harness.history.trends import read_trend
    from harness.report.trend_terminal import render_trend

    with History(file) as kept:
        name = _name(suite)
        trend = read_trend(kept, name, last=last, nights=nights, only=variants)
    click.echo(render_trend(trend, plain=_is_plain()), nl=False)
    _write(trend, html, json_)


@history.command()
@click.argument("suite")
@click.argument("run", type=int, required=False)
@_db
def accept(suite: str, run: int | None, file: Path) -> None:
    """Mark RUN, by default the newest, as the one to hold later runs against."""
    from harness.history.database import History
    from harness.report.trend_words import night

    with History(file) as kept:
        marked = kept.accept(_name(suite), run)
    click.echo(f"accepted: {night(marked)}, verdict {marked.verdict}")


@history.command()
@click.argument("suite")
@_db
@click.option("--mlflow", "uri", required=True, help="Address of a tracking server.")
def export(suite: str, file: Path, uri: str) -> None:
    """Send the runs of SUITE to MLflow; those that are there already stay."""
    from harness.history.database import History
    from harness.history.mlflow import Tracking

    tracking = Tracking(uri)
    name = _name(suite)
    with History(file) as kept:
        runs = kept.runs(name, _MOST_RUNS)
    new = tracking.export(name, runs)
    click.echo(f"exported: {new} of {len(runs)} runs, the others were there")


def check_history(file: Path) -> None:
    """Refuse what cannot be a history file, before a run of hours.

    Raises:
        ReportError: It is something else.
    """
    from harness.history.connection import check_file

    check_file(file, create=True)


def keep_run(report: QualityReport, file: Path) -> None:
    """Add a run to a history file, and say so.

    Raises:
        ReportError: The file cannot be written.
    """
    from harness.history.database import History

    with History(file, create=True) as kept:
        run = kept.add(report)
    click.echo(f"history: {file}, run {run}")


def _write(trend: Trend, html: Path | None, json_: Path | None) -> None:
    from harness.core.files import write_text

    if html is not None:
        from harness.report.trend import render_trend_html

        write_text(html, render_trend_html(trend))
        click.echo(f"html: {html}")
    if json_ is not None:
        import json

        from harness.core.codec import to_json

        write_text(json_, json.dumps(to_json(trend), indent=1) + "\n")
        click.echo(f"json: {json_}")


def _name(suite: str) -> str:
    """The name of a suite that lies here; else the word is a name itself."""
    from harness.suite import load_suite

    path = Path(suite)
    return load_suite(path).name if path.exists() else suite


def _is_plain() -> bool:
    """Whether the terminal cannot be told block characters."""
    try:
        "\u2588".encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return True
    return False
