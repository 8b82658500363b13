"""What commands share: exit codes, report files, progress, errors in plain words."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness.core.errors import BackendError, HarnessError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.results import QualityReport
    from harness.core.specs import Suite
    from harness.report.meter import Meter


# The contract of interfaces.md's command table; a shell's own number for Ctrl-C.
PASSED, FAILED, USAGE, NOT_RUN, INTERRUPTED = 0, 1, 2, 3, 130


_EXIT = {"passed": PASSED, "undecided": PASSED, "failed": FAILED, "error": NOT_RUN}


_FORMATS = {
    "json": "json",
    "html": "html",
    "junit": "JUnit XML",
    "markdown": "Markdown for a pull request",
    "sarif": "SARIF 2.1.0 for code scanning",
    "codequality": "GitLab's code-quality JSON",
    "attestation": "an in-toto statement, unsigned",
    "annotations": "GitHub's workflow commands",
}


SUITE_PATH = click.Path(path_type=Path)


class Main(click.Group):
    """Turns every error of ours into message, hint and exit code; no traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(NOT_RUN if isinstance(error, BackendError) else USAGE)
        except KeyboardInterrupt:
            # click would end with 1, which says that a model failed.
            click.echo("Interrupted: no verdict", err=True)
            ctx.exit(INTERRUPTED)


def outputs(command: Callable[..., None]) -> Callable[..., None]:
    """Add one option a report format."""
    for name, title in reversed(_FORMATS.items()):
        command = click.option(
            f"--{name}",
            name,
            type=click.Path(path_type=Path, dir_okay=False),
            help=f"Write the report as {title}.",
        )(command)
    return command


def publish(
    report: QualityReport, files: dict[str, Path | None], *, several: bool
) -> None:
    """Print the verdict and write what was asked for."""
    from harness.report.files import write_report
    from harness.report.terminal import render_terminal

    colour = sys.stdout.isatty() and not _no_colour()
    click.echo(render_terminal(report, colour=colour), nl=False)
    if _on_github():
        from harness.report.annotations import render_annotations
        from harness.report.markdown import render_markdown

        click.echo(render_annotations(report), nl=False)
        _append_summary(render_markdown(report))
    for format_, path in files.items():
        if path is not None:
            target = _named(path, report.suite.name) if several else path
            write_report(report, format_, target)
            click.echo(f"{format_}: {target}")


def _on_github() -> bool:
    import os

    return os.environ.get("GITHUB_ACTIONS") == "true"


def _append_summary(text: str) -> None:
    """To the file that GitHub shows on the page of the run; others write there too."""
    import os

    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(text)


def _named(path: Path, suite: str) -> Path:
    return path.with_name(f"{path.stem}-{_safe(suite)}{path.suffix}")


def _safe(suite: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in suite)


def require_distinct(suites: list[Suite]) -> None:
    """Refuse suites whose reports would be written over each other."""
    first: dict[str, Suite] = {}
    for suite in suites:
        other = first.setdefault(_safe(suite.name), suite)
        if other is not suite:
            raise SuiteError(
                f"{suite.path}: 'suite.name' is {suite.name!r}, as in {other.path};"
                " their reports would be written over each other",
                hint="name the suites differently, or run them one by one",
            )


def _no_colour() -> bool:
    import os

    return bool(os.environ.get("NO_COLOR"))


def worst(reports: list[QualityReport]) -> int:
    """A model that failed outweighs a variant that could not be run."""
    codes = {_EXIT[report.verdict] for report in reports}
    return next((code for code in (FAILED, NOT_RUN) if code in codes), PASSED)


def leave(code: int) -> NoReturn:
    """End the command with an exit code."""
    click.get_current_context().exit(code)


@contextmanager
def progress(label: str = "golden samples") -> Iterator[Meter | None]:
    """A line with the time left on a terminal; nothing in a pipe, or on a dumb one."""
    if not _is_watched():
        yield None
        return
    from harness.report.meter import Meter

    meter = Meter(lambda text: click.echo(text, nl=False, err=True), label)
    try:
        yield meter
    finally:
        meter.close()


def _is_watched() -> bool:
    import os

    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
