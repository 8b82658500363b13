"""Golden data behind a URL: copied beside, then read like any other."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import fsspec

from harness.core.errors import GoldenError, HarnessError, MissingGoldenError
from harness.core.protocols import SpannedSource
from harness.core.provenance import digest_of
from harness.golden.forms import TAR, without_secrets
from harness.golden.shard_names import expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.protocols import GoldenChunk, GoldenSource
    from harness.core.specs import GoldenSpec
    from harness.core.vouched import Vouched


class RemoteGolden:
    """A golden set in a folder that is removed with it; see `GoldenSource`.

    Args:
        url: Where the data came from; messages name it, not the folder.
        folder: Where they lie now.
        open_source: Opens them there.
        kept: Whether the folder is another process's, which removes it.

    Raises:
        GoldenError: As `open_source` does.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        open_source: Callable[[], GoldenSource],
        *,
        kept: bool = False,
    ) -> None:
        self._url = url
        self._folder = folder
        if not kept:
            # Removed with us, however the run ends.
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        with self._renamed():
            self._source = source = open_source()
        self.n_samples = source.n_samples
        self.inputs = source.inputs
        self.class_names = source.class_names
        self.has_labels = source.has_labels
        self.notices = tuple(map(self._shown, source.notices))

    @property
    def digest(self) -> str:
        """sha256 over the data, hex."""
        return self._source.digest

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Raises:
            GoldenError: As the form's own reader.
        """
        with self._renamed():
            yield from self._source.chunks(rows, span)

    def span_digest(self, span: slice) -> str:
        """sha256 over some samples, their place included; see `SpannedSource`."""
        if isinstance(self._source, SpannedSource):
            return self._source.span_digest(span)
        return digest_of([self.digest, span.start, span.stop])

    def vouch(self, *, whole: bool = False) -> Vouched:
        """What has been made sure of so far, and where the copy lies."""
        with self._renamed():
            told = self._source.vouch(whole=whole)
        (copy,) = self._folder.iterdir()
        return replace(told, copy=copy)

    @contextmanager
    def _renamed(self) -> Iterator[None]:
        try:
            yield
        except HarnessError as error:
            raise type(error)(self._shown(error.message), hint=error.hint) from error

    def _shown(self, text: str) -> str:
        return re.sub(f"{re.escape(str(self._folder))}/[^/:, ]*", self._url, text)


def open_remote(
    url: str,
    spec: GoldenSpec,
    vouched: Vouched | None,
    open_source: Callable[[GoldenSpec, Vouched | None], GoldenSource],
) -> RemoteGolden:
    """Copy golden data from wherever fsspec can read, and open the copy.

    A copy that another process of this machine has made is opened where it lies.

    Args:
        url: ``s3://bucket/set``, ``zip://set::https://host/sets.zip``, ...
        spec: What else the suite says.
        vouched: What another process has made sure of.
        open_source: Opens data that lie here.

    Raises:
        MissingGoldenError: Nothing lies there.
        GoldenError: It cannot be read, or does not fit on this disk.
    """
    shown = without_secrets(url)
    if vouched is not None and vouched.copy is not None and vouched.copy.exists():
        there = replace(spec, data=vouched.copy, url=None)
        home = vouched.copy.parent
        opened = partial(open_source, there, vouched)
        return RemoteGolden(shown, home, opened, kept=True)
    folder = Path(tempfile.mkdtemp(prefix="golden-"))
    try:
        local = _copied(url, shown, folder)
    except GoldenError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    here = replace(spec, data=local, url=None)
    return RemoteGolden(shown, folder, partial(open_source, here, vouched))


def _copied(url: str, shown: str, folder: Path) -> Path:
    """Path of the copy: a file of the same name, or a folder."""
    try:
        if "{" in url and url.endswith(TAR):
            return _copied_shards(url, folder / "shards")
        system, root = fsspec.core.url_to_fs(url)
        found = system.find(root, detail=True)
        if not found and system.exists(root):
            found = {root: system.info(root)}
        _require_room(found, shown, folder)
        for name in sorted(found):
            system.get_file(name, str(_place(name, root, folder, shown)))
    except HarnessError:
        raise
    except Exception as error:
        first = without_secrets(str(error)).partition("\n")[0]
        raise GoldenError(
            f"cannot read golden data {shown}: {type(error).__name__}: {first}",
            hint="check the URL and your access; what fsspec needs beside itself is in"
            " its message",
        ) from error
    return folder / _base(root)


def _copied_shards(url: str, folder: Path) -> Path:
    """The folder that all shards of a URL with ``{000..009}`` were copied to."""
    head, _, name = url.rpartition("/")
    folder.mkdir()
    for at, one in enumerate(expanded(name)):
        shard = f"{head}/{one}"
        shown = without_secrets(shard)
        system, root = fsspec.core.url_to_fs(shard)
        found = {root: system.info(root)} if system.exists(root) else {}
        _require_room(found, shown, folder)
        # In the order of the URL, whatever their names are.
        system.get_file(root, str(folder / f"{at:06}{TAR}"))
    return folder


def _require_room(found: dict[str, Any], shown: str, folder: Path) -> None:
    if not found:
        raise MissingGoldenError(
            f"golden data {shown}: nothing is there", hint="check the URL"
        )
    size = sum(int(info.get("size") or 0) for info in found.values())
    free = shutil.disk_usage(folder).free
    if size > free // 2:
        raise GoldenError(
            f"golden data {shown} take {size:,} bytes, and {free:,} are free here",
            hint="name a smaller set, or make room in the folder for temporary files",
        )


def _place(name: str, root: str, folder: Path, shown: str) -> Path:
    inside = PurePosixPath("/" + name.strip("/"))
    top = PurePosixPath("/" + root.strip("/"))
    parts = inside.relative_to(top).parts if inside.is_relative_to(top) else ("..",)
    if ".." in inside.parts or ".." in parts:
        raise GoldenError(
            f"golden data {shown} hold a file outside of themselves: {name!r}",
            hint="do not trust this source",
        )
    place = folder.joinpath(_base(root), *parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _base(root: str) -> str:
    return PurePosixPath(root.strip("/")).name or "data"
