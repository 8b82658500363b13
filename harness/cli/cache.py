"""What is kept from run to run: how much, how sound, and how to be rid of it."""

from __future__ import annotations

import json
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.base import FAILED, leave
from harness.core.errors import SuiteError
from harness.core.sizes import parse_bytes, parse_seconds, show_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.cache import Entry, Store

N = TypeVar("N", int, float)

DEFAULT_FOLDER = Path(".quality-cache")
"""Where runs keep what they found, seen from where they are started."""

_VARIABLE = "QUALITY_CACHE"
_KINDS = {
    "answers": "what variants answered, a window each",
    "canaries": "what the runtime makes of small models",
    "diagnoses": "why candidates drift",
    "facts": "what is known of variants that ran",
    "files": "digests of files that have not changed",
    "matrices": "candidates run in other ways",
    "reports": "whole reports",
    "standards": "whose weights others are held against",
    "states": "states of metrics, a part of the data each",
    "weights": "statistics of weights",
}


def _read(parse: Callable[[str], N]) -> Callable[..., N | None]:
    """A callback of click for an option that is written with a unit."""

    def read(
        _ctx: click.Context, _param: click.Parameter, text: str | None
    ) -> N | None:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return read


def keeping(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command takes them as ``keep``, fields of `RunOptions`."""

    @wraps(command)
    def gathered(
        *args: Any,
        cache: Path | None,
        no_cache: bool,
        cache_size: int | None,
        **others: Any,
    ) -> None:
        found = {"cache": None if no_cache else cache, "cache_bytes": cache_size}
        command(*args, keep=found, **others)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


_OPTIONS = (
    click.option(
        "--cache",
        type=click.Path(path_type=Path, file_okay=False),
        is_flag=False,
        flag_value=str(DEFAULT_FOLDER),
        envvar=_VARIABLE,
        metavar="[DIR]",
        help="Keep what is found, and compute nothing again while all that it depends"
        f" on stays as it is; in {DEFAULT_FOLDER} unless DIR is named.",
    ),
    click.option(
        "--no-cache",
        is_flag=True,
        help=f"Compute everything, whatever {_VARIABLE} says.",
    ),
    click.option(
        "--cache-size",
        callback=_read(parse_bytes),
        metavar="SIZE",
        help="Most that the cache may hold; 10GB unless said.",
    ),
)


@click.group()
def cache() -> None:
    """Look after what `harness run --cache` keeps from run to run.

    DIR is the folder that it was kept in, .quality-cache unless named.
    """


_FOLDER = click.argument(
    "folder",
    metavar="[DIR]",
    default=DEFAULT_FOLDER,
    envvar=_VARIABLE,
    type=click.Path(path_type=Path),
)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@cache.command()
@_FOLDER
@_AS_JSON
def stats(folder: Path, as_json: bool) -> None:
    """How many entries there are, of what kind, and how large."""
    entries = list(_open(folder).entries())
    kinds = {kind: _sum(entries, kind) for kind in sorted({e.kind for e in entries})}
    total = {"entries": len(entries), "bytes": sum(entry.size for entry in entries)}
    if as_json:
        _print({"folder": str(folder), **total, "kinds": kinds})
        return
    click.echo(f"{folder}: {len(entries)} entries, {show_bytes(total['bytes'])}")
    for kind, found in kinds.items():
        size = show_bytes(found["bytes"])
        told = f"{kind:<10} {found['entries']:>7} {size:>9}  {_KINDS.get(kind, '')}"
        click.echo(f"  {told}".rstrip())


@cache.command()
@_FOLDER
@click.option(
    "--max-size",
    callback=_read(parse_bytes),
    metavar="SIZE",
    help="Leave no more than this.",
)
@click.option(
    "--older-than",
    callback=_read(parse_seconds),
    metavar="TIME",
    help="Remove what was not used for so long: 12h, 30d, 2w.",
)
@_AS_JSON
def prune(
    folder: Path, max_size: int | None, older_than: float | None, as_json: bool
) -> None:
    """Remove entries, the longest unused first.

    Answers of models go before all others: they are large, and soonest made again.
    Without options, what is beyond 10 GB.
    """
    store = _open(folder)
    gone = store.prune(max_size, older_than)
    size = sum(entry.size for entry in gone)
    if as_json:
        _print({"folder": str(folder), "removed": len(gone), "bytes": size})
    else:
        click.echo(f"{folder}: {len(gone)} entries removed, {show_bytes(size)}")


@cache.command()
@_FOLDER
@_AS_JSON
def verify(folder: Path, as_json: bool) -> None:
    """Read every entry, and remove what is damaged: then the exit code is 1."""
    store = _open(folder)
    wrong = store.verify()
    n_sound = sum(1 for _ in store.entries())
    if as_json:
        keys = [entry.key for entry in wrong]
        _print({"folder": str(folder), "sound": n_sound, "damaged": keys})
    else:
        click.echo(f"{folder}: {n_sound} entries sound, {len(wrong)} damaged")
        for entry in wrong:
            click.echo(f"  removed: {entry.kind} {entry.path.name[:12]}")
    leave(FAILED if wrong else 0)


def _open(folder: Path) -> Store:
    """A store that is there.

    Raises:
        SuiteError: Nothing was kept there.
    """
    from harness.cache import Store, is_store

    if not is_store(folder):
        raise SuiteError(
            f"{folder} is no cache of ours",
            hint="name the folder that harness run --cache keeps its entries in",
        )
    return Store(folder)


def _sum(entries: Iterable[Entry], kind: str) -> dict[str, int]:
    sizes = [entry.size for entry in entries if entry.kind == kind]
    return {"entries": len(sizes), "bytes": sum(sizes)}


def _print(value: object) -> None:
    click.echo(json.dumps(value, indent=1))
