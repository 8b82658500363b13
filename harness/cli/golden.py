"""``harness golden ...``: the life cycle of golden data, as thin commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.core.specs import GoldenSpec
from harness.golden.writers import USUAL, WRITERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.golden.diff import GoldenDiff
    from harness.golden.schema import Manifest

_PATH = click.Path(path_type=Path)


@click.group()
def golden() -> None:
    """Create, verify, import and compare golden data.

    SOURCE is golden data of any form, a URL, or a suite, whose [golden] says how its
    data are read.
    """


def _writes(command: Callable[..., None]) -> Callable[..., None]:
    """Options of the commands that write a manifest folder."""
    options = (
        click.option("--name", help="Of the set; that of its folder by default."),
        click.option(
            "--shard-rows",
            type=click.IntRange(min=1),
            help="Samples a shard; shards of at most 64 MiB by default.",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice([*WRITERS]),
            default=USUAL,
            show_default=True,
            help="Of the shards.",
        ),
        click.option("--replace", is_flag=True, help="Replace a set that is there."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@golden.command()
@click.argument("source")
@click.argument("dest", type=_PATH)
@_writes
@click.option("--license", "licence", help="Of the data: an SPDX name, say.")
@click.option("--origin", help="Where the data come from, for readers.")
def create(
    source: str, dest: Path, licence: str | None, origin: str | None, **how: object
) -> None:
    """Write SOURCE as a manifest folder DEST: shards with a sha256 each."""
    _create(source, dest, licence, origin, **how)


@golden.command(name="import")
@click.argument("source")
@click.argument("dest", type=_PATH)
@_writes
@click.option("--license", "licence", required=True, help="Of the data.")
@click.option("--origin", required=True, help="Who made the data, and where they are.")
def import_(source: str, dest: Path, licence: str, origin: str, **how: object) -> None:
    """Copy golden data of others to DEST, with licence and origin on record."""
    _create(source, dest, licence, origin, **how)


@golden.command()
@click.argument("source")
def verify(source: str) -> None:
    """Read all of SOURCE: checksums, schema, labels; and a suite's recordings.

    Prints what is wrong with the command that mends it, and ends with 1.
    """
    from harness.golden.verify import verify as verified

    found = verified(spec_of(source))
    problems = [(p.message, p.mend) for p in found.problems]
    if _is_suite(source):
        from harness.pipeline import survey
        from harness.suite import load_suite

        if not problems:
            problems += [
                (e.reason, e.mend) for e in survey(load_suite(source)) if e.mend
            ]
    for message, mend in problems:
        click.echo(f"wrong: {message}\n  mend: {mend}")
    if problems:
        click.get_current_context().exit(1)
    click.echo(f"sound: {found.n_samples} samples in {_counted(found.n_shards)}")


@golden.command()
@click.argument("before")
@click.argument("after")
def diff(before: str, after: str) -> None:
    """Tell which samples AFTER adds to BEFORE, removes, changes or labels anew.

    Ends with 1 where there is a difference.
    """
    from harness.golden.diff import diff as compared

    found = compared(spec_of(before), spec_of(after))
    click.echo("\n".join(_told(found)))
    click.get_current_context().exit(0 if found.same else 1)


def spec_of(source: str) -> GoldenSpec:
    """What is to be read: a suite's data, a URL, or a path.

    Raises:
        SuiteError: The suite is wrong.
    """
    if _is_suite(source):
        from harness.suite import load_suite

        return load_suite(source).golden
    url = source if "://" in source else None
    return GoldenSpec(data=Path(source).absolute(), url=url)


def _is_suite(source: str) -> bool:
    path = Path(source)
    return path.suffix == ".toml" or (path / "quality.toml").is_file()


def _create(
    source: str, dest: Path, licence: str | None, origin: str | None, **how: object
) -> None:
    from harness.golden.create import About, create

    rows = how["shard_rows"]
    manifest = create(
        spec_of(source),
        dest.absolute(),
        About(
            name=str(how["name"] or dest.name),
            license=licence,
            source=origin,
            provenance={"created_from": _shown(source)},
        ),
        shard_rows=rows if isinstance(rows, int) else None,
        overwrite=bool(how["replace"]),
        form=str(how["form"]),
    )
    click.echo(f"created: {dest}: {_summary(manifest)}")


def _shown(source: str) -> str:
    if "://" not in source:
        return source
    from harness.golden.forms import without_secrets

    return without_secrets(source)


def _summary(manifest: Manifest) -> str:
    classes = len(manifest.class_names or ())
    told = f", {classes} classes" if classes else ""
    shards = _counted(len(manifest.shards))
    return f"{manifest.n_samples} samples in {shards}{told}"


def _counted(shards: int) -> str:
    return "1 file" if shards == 1 else f"{shards} shards"


def _told(found: GoldenDiff) -> list[str]:
    lines = [f"{found.n_before} samples before, {found.n_after} after"]
    for word, count, names in (
        ("added", found.n_added, found.added),
        ("removed", found.n_removed, found.removed),
        ("changed", found.n_changed, found.changed),
    ):
        if count:
            lines.append(f"{word}: {count}: {_listed(names, count)}")
    if found.n_relabelled:
        changes = [f"{c.sample} {c.before} -> {c.after}" for c in found.relabelled]
        shown = _listed(tuple(changes), found.n_relabelled)
        lines.append(f"labelled anew: {found.n_relabelled}: {shown}")
    lines += [f"class {name}: {old} -> {new}" for name, old, new in found.classes]
    return [*lines, "no difference"] if found.same else lines


def _listed(names: tuple[str, ...], count: int) -> str:
    more = f", and {count - len(names)} more" if count > len(names) else ""
    return ", ".join(names) + more
