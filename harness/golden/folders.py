"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A folder whose files become `folder` when the block ends without error.

    On an error the old one stays. Missing parents are made.

    Raises:
        ReportError: The folder cannot be written.
    """
    work = working_folder(folder)
    try:
        yield work
        swap(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def working_folder(folder: Path) -> Path:
    """A new folder beside `folder`, for files that are to take its place.

    Raises:
        ReportError: The folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise _unwritable(folder, error) from error


def swap(work: Path, folder: Path) -> None:
    """Put `work` in the place of `folder`.

    Raises:
        ReportError: The folder cannot be written.
    """
    try:
        _swap(work, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _swap(work: Path, folder: Path) -> None:
    # Folders cannot replace each other in one step; between the two renames there is
    # no folder, never half of one. mkdtemp makes private folders.
    work.chmod(0o755)
    if not folder.exists():
        work.rename(folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    folder.rename(old / folder.name)
    try:
        work.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write {folder}: {error.strerror or error}",
        hint="name a folder that is writable",
    )
