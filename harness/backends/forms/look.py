"""A cheap, bounded look at a file or folder: what recognisers judge by.

Reads the first 64 KiB, the list of entries of an archive, and the heads of a protobuf
message's fields, whatever the size of the file; each once, when first asked for.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from harness.backends.wire import top_level_fields
from harness.core.archives import open_archive
from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEAD = 1 << 16
_MAX_NAMES = 10_000
ZIP = b"PK\x03\x04"


class Look:
    """What a path shows of itself.

    Attributes:
        path: The path.
        is_folder: Whether it is a folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_folder = path.is_dir()

    @property
    def suffix(self) -> str:
        """In lower case, with its dot; empty where there is none."""
        return self.path.suffix.lower()

    @cached_property
    def size(self) -> int:
        """Bytes of the file; 0 for a folder."""
        return 0 if self.is_folder or self.is_prefix else self.path.stat().st_size

    @cached_property
    def is_prefix(self) -> bool:
        """Whether the path only begins the names of files, as a checkpoint's does."""
        return not self.path.exists() and self.beside(".index").is_file()

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB of a file; empty for a folder."""
        if self.is_folder or self.is_prefix:
            return b""
        with self.path.open("rb") as stream:
            return stream.read(_HEAD)

    @cached_property
    def text(self) -> str | None:
        """The head as text; None where it is none. A cut last character is lost."""
        if not self.head or b"\0" in self.head:
            return None
        try:
            self.head[:-3].decode()
        except UnicodeDecodeError:
            return None
        return self.head.decode(errors="ignore").removeprefix("\N{BOM}")

    @cached_property
    def fields(self) -> tuple[tuple[int, int | bytes], ...]:
        """The first fields of a protobuf message, as `top_level_fields` gives them."""
        if not self.head:
            return ()
        with self.path.open("rb") as stream:
            return tuple(top_level_fields(stream))

    @cached_property
    def messages(self) -> Mapping[int, bytes]:
        """Field number -> head of the first message, text or bytes of that field."""
        pairs = reversed(self.fields)
        return {number: value for number, value in pairs if isinstance(value, bytes)}

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """Field number -> the first number of that field."""
        pairs = reversed(self.fields)
        return {number: value for number, value in pairs if isinstance(value, int)}

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the entries of an archive, or of what a folder holds."""
        if self.is_folder:
            return frozenset(p.name for p in islice(self.path.iterdir(), _MAX_NAMES))
        return self._entries[0]

    @property
    def damage(self) -> str | None:
        """What is wrong with an archive, None where nothing is."""
        return None if self.is_folder else self._entries[1]

    def beside(self, ending: str) -> Path:
        """The path with `ending` after its whole name."""
        return self.path.with_name(self.path.name + ending)

    def ends_with(self, *endings: str) -> bool:
        """Whether a name in the archive or folder ends so."""
        return any(name.endswith(endings) for name in self.names)

    @cached_property
    def _entries(self) -> tuple[frozenset[str], str | None]:
        if not self.head.startswith(ZIP):
            return frozenset(), None
        try:
            with open_archive(self.path) as archive:
                return frozenset(archive.namelist()), None
        except ModelLoadError as error:
            return frozenset(), error.message
