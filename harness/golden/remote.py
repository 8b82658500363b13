"""Golden data behind a URL: copied beside, then read like any other."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import fsspec

from harness.core.errors import GoldenError, HarnessError, MissingGoldenError
from harness.golden.forms import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.protocols import GoldenChunk, GoldenSource
    from harness.core.specs import GoldenSpec


class RemoteGolden:
    """A golden set in a folder that is removed with it; see `GoldenSource`.

    Args:
        url: Where the data came from; messages name it, not the folder.
        folder: Where they lie now.
        open_source: Opens them there.

    Raises:
        GoldenError: As `open_source` does.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        open_source: Callable[[], GoldenSource],
    ) -> None:
        self._url = url
        self._folder = folder
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

    def chunks(self, rows: int) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Raises:
            GoldenError: As the form's own reader.
        """
        with self._renamed():
            yield from self._source.chunks(rows)

    @contextmanager
    def _renamed(self) -> Iterator[None]:
        try:
            yield
        except HarnessError as error:
            raise type(error)(self._shown(error.message), hint=error.hint) from error

    def _shown(self, text: str) -> str:
        return re.sub(f"{re.escape(str(self._folder))}/[^/:, ]*", self._url, text)


def open_remote(
    url: str, spec: GoldenSpec, open_source: Callable[[GoldenSpec], GoldenSource]
) -> RemoteGolden:
    """Copy golden data from wherever fsspec can read, and open the copy.

    Args:
        url: ``s3://bucket/set``, ``zip://set::https://host/sets.zip``, ...
        spec: What else the suite says.
        open_source: Opens data that lie here.

    Raises:
        MissingGoldenError: Nothing lies there.
        GoldenError: It cannot be read, or does not fit on this disk.
    """
    shown = without_secrets(url)
    folder = Path(tempfile.mkdtemp(prefix="golden-"))
    try:
        local = _copied(url, shown, folder)
    except GoldenError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    here = replace(spec, data=local, url=None)
    return RemoteGolden(shown, folder, lambda: open_source(here))


def _copied(url: str, shown: str, folder: Path) -> Path:
    """Path of the copy: a file of the same name, or a folder."""
    try:
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
