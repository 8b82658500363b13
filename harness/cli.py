"""``harness ...``: thin commands over the public functions.

Nothing heavy is imported before a command runs, so that ``harness --help`` answers
at once.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

import click

from harness.core.errors import BackendError, HarnessError, SuiteError
from harness.core.specs import Isolation, Kind, Missing, RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.results import QualityReport
    from harness.core.specs import Suite

# The contract of interfaces.md's command table; a shell's own number for Ctrl-C.
PASSED, FAILED, USAGE, NOT_RUN, INTERRUPTED = 0, 1, 2, 3, 130
_EXIT = {"passed": PASSED, "undecided": PASSED, "failed": FAILED, "error": NOT_RUN}
_FORMATS = ("json", "html", "junit", "markdown")
_SUITE_PATH = click.Path(path_type=Path)


class _Main(click.Group):
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


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="model-quality-harness")
def main() -> None:
    """Judge a model's converted, frozen and quantized forms on golden data.

    Exit codes: 0 passed, 1 a model failed, 2 usage or suite error, 3 a variant
    could not be run.
    """


def _outputs(command: Callable[..., None]) -> Callable[..., None]:
    """Add one option a report format."""
    for name in reversed(_FORMATS):
        command = click.option(
            f"--{name}",
            name,
            type=click.Path(path_type=Path, dir_okay=False),
            help=f"Write the report as {name}.",
        )(command)
    return command


@main.command()
@click.argument("suites", nargs=-1, required=True, type=_SUITE_PATH)
@_outputs
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
    "--isolation",
    type=click.Choice(get_args(Isolation)),
    help="Run each variant in a process of its own, or none; over what suites say.",
)
def run(
    suites: tuple[Path, ...],
    variants: tuple[str, ...],
    missing: Missing,
    no_diagnose: bool,
    isolation: Isolation | None,
    **files: Path | None,
) -> None:
    """Run the whole gate of each SUITE (a quality.toml, or a folder with one).

    With several suites, each report file gets its suite's name inserted.
    """
    from harness.pipeline import evaluate
    from harness.suite import load_suite

    options = RunOptions(
        missing, variants, diagnose=not no_diagnose, isolation=isolation
    )
    loaded = [load_suite(path) for path in suites]
    if any(files.values()):
        _require_distinct(loaded)
    reports = []
    for suite in loaded:
        with _progress() as told:
            report = evaluate(suite, options, told)
        reports.append(report)
        _publish(report, files, several=len(suites) > 1)
    _exit(_worst(reports))


@main.command()
@click.argument("reference", type=_SUITE_PATH)
@click.argument("candidate", type=_SUITE_PATH)
@click.option("--data", required=True, type=_SUITE_PATH, help="Golden data.")
@click.option("--labels", type=_SUITE_PATH, help="Labels, where the data has none.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Picks the limits.")
@click.option("--scale", type=float, help="Multiply every input by this.")
@_outputs
def compare(
    reference: Path,
    candidate: Path,
    data: Path,
    labels: Path | None,
    kind: Kind | None,
    scale: float | None,
    **files: Path | None,
) -> None:
    """Hold CANDIDATE against REFERENCE: two model files, no suite needed."""
    from harness.core.specs import Preprocess
    from harness.pipeline import compare as compare_models

    with _progress() as told:
        report = compare_models(
            reference,
            candidate,
            data,
            labels=labels,
            kind=kind,
            preprocess=Preprocess(scale=scale),
            progress=told,
        )
    _publish(report, files, several=False)
    _exit(_worst([report]))


@main.command()
@click.argument("suite", type=_SUITE_PATH)
@click.option("--variant", help="Record this variant; the reference by default.")
def record(suite: Path, variant: str | None) -> None:
    """Record a variant's outputs, so that they can be replayed without its runtime."""
    from harness.pipeline import record as record_outputs

    with _progress() as told:
        folder = record_outputs(suite, variant, told)
    click.echo(f"recorded: {folder}")


@main.command()
@click.argument("model", type=_SUITE_PATH)
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the facts as json.",
)
def inspect(model: Path, file: Path | None) -> None:
    """Tell what a model file holds, without running any of it."""
    import json

    from harness.backends.detect import detect_form
    from harness.core.codec import to_json
    from harness.core.files import write_text
    from harness.inspection import inspect_model, render_facts

    facts = inspect_model(model, detect_form(model).name)
    click.echo(render_facts(facts), nl=False)
    if file is not None:
        write_text(file, json.dumps(to_json(facts), indent=2) + "\n")


@main.command()
@click.argument("result", type=_SUITE_PATH)
@_outputs
def report(result: Path, **files: Path | None) -> None:
    """Render a saved RESULT.json again; needs neither models nor data."""
    from harness.report.json_ import read_report

    _publish(read_report(result), files, several=False)


@main.command()
def doctor() -> None:
    """Tell which backends run here, CPU features, and known runtime faults."""
    from harness.doctor import examine, render_health

    health = examine()
    click.echo(render_health(health), nl=False)
    _exit(PASSED if health.sound else FAILED)


def _publish(
    report: QualityReport, files: dict[str, Path | None], *, several: bool
) -> None:
    """Print the verdict and write what was asked for."""
    from harness.report.files import write_report
    from harness.report.terminal import render_terminal

    colour = sys.stdout.isatty() and not _no_colour()
    click.echo(render_terminal(report, colour=colour), nl=False)
    for format_, path in files.items():
        if path is not None:
            target = _named(path, report.suite.name) if several else path
            write_report(report, format_, target)
            click.echo(f"{format_}: {target}")


def _named(path: Path, suite: str) -> Path:
    return path.with_name(f"{path.stem}-{_safe(suite)}{path.suffix}")


def _safe(suite: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in suite)


def _require_distinct(suites: list[Suite]) -> None:
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


def _worst(reports: list[QualityReport]) -> int:
    """A model that failed outweighs a variant that could not be run."""
    codes = {_EXIT[report.verdict] for report in reports}
    return next((code for code in (FAILED, NOT_RUN) if code in codes), PASSED)


def _exit(code: int) -> NoReturn:
    click.get_current_context().exit(code)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar with the time left on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label="golden samples", file=sys.stderr) as bar:

        def told(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield told
