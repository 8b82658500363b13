"""``harness ...``: thin commands over the public functions.

Nothing heavy is imported before a command runs, so that ``harness --help`` answers
at once.
"""

from __future__ import annotations

import click

from harness.cli.base import Main
from harness.cli.cache import cache
from harness.cli.golden import golden
from harness.cli.history import history
from harness.cli.init import init
from harness.cli.models import diagnose, doctor, inspect, weights
from harness.cli.reports import report
from harness.cli.runs import calibrate, compare, record, run

__all__ = ["main"]


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="model-quality-harness")
def main() -> None:
    """Judge a model's converted, frozen and quantized forms on golden data.

    Exit codes: 0 passed, 1 a model failed, 2 usage or suite error, 3 a variant
    could not be run.
    """


for command in (
    *(
        cache,
        calibrate,
        compare,
        diagnose,
        doctor,
        golden,
        history,
        init,
        inspect,
        record,
    ),
    *(report, run, weights),
):
    main.add_command(command)
