"""``harness init``: a first quality.toml from files on disk."""

from __future__ import annotations

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option("--reference", required=True, type=_PATH, help="The model that is right.")
@click.option("--candidate", required=True, type=_PATH, help="The model to be judged.")
@click.option("--data", required=True, type=_PATH, help="Golden data.")
@click.option("--labels", type=_PATH, help="Labels, where the data has none.")
@click.option("--force", is_flag=True, help="Write over a quality.toml that is there.")
def init(
    folder: Path,
    reference: Path,
    candidate: Path,
    data: Path,
    labels: Path | None,
    force: bool,
) -> None:
    """Write a first quality.toml into DIR, commented, from two models and some data.

    Forms, names, shapes and dtypes are read from the files; kind and task are guessed
    and say so. Nothing of the models is run.
    """
    from harness.pipeline.drafting import init_suite

    suite = init_suite(folder, reference, candidate, data, labels=labels, force=force)
    click.echo(f"written: {suite.path}")
    click.echo(f"task: {suite.task}, guessed; see the comments")
    for variant in suite.variants:
        click.echo(f"{variant.name}: {variant.kind}, {variant.path}")
    click.echo(f"next: harness run {folder}")
