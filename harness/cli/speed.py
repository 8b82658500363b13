"""Options that change how fast a run is; but for `--budget`, nothing that it finds."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from harness.engines import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable


def speed(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command takes them as ``speed``, fields of `RunOptions`."""

    @wraps(command)
    def gathered(
        *args: Any,
        engine: str,
        workers: int | None,
        cluster: str | None,
        budget: str | None,
        **others: Any,
    ) -> None:
        if cluster is not None and engine == "local":
            raise click.UsageError("--cluster is for --engine dask")
        found = {
            "engine": engine,
            "workers": workers,
            "cluster": cluster,
            "budget_seconds": None if budget is None else _seconds(budget),
        }
        command(*args, speed=found, **others)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def _seconds(budget: str) -> float:
    from harness.core.sizes import parse_budget

    try:
        return parse_budget(budget)
    except ValueError as error:
        raise click.UsageError(f"--budget: {error}") from error


_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(tuple(ENGINES)),
        default="local",
        show_default=True,
        help="Who runs the parts of a suite: processes here, or a dask cluster.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="How many run parts beside each other; else as many as are measured to"
        " help. The report is the same.",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Of a dask scheduler that is there already; else one is made here.",
    ),
    click.option(
        "--budget",
        metavar="TIME",
        help="Stop when every check is decided, or after this long: 5m, 90s, 1h.",
    ),
)
